import torch
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence

from cl_anomaly.models.shared.layers import Linear
from cl_anomaly.models.vae import VAE
from tests.support.learning import Drawn


def test_sizes_follow_the_paper_and_the_dataset() -> None:
    model = VAE((28, 28), [0])
    sizes = [tuple(m.weight.shape[1:]) for m in model.modules() if isinstance(m, Linear)]
    encoder, decoder = [(784, 400), (400, 400), (400, 32)], [(16, 400), (400, 400), (400, 784)]
    assert sizes == encoder + decoder
    assert model.beta == 1
    unlike = VAE((4,), [0], latent_size=3, hidden_sizes=(30, 20))
    layers = [tuple(m.weight.shape[1:]) for m in unlike.modules() if isinstance(m, Linear)]
    assert layers == [(4, 30), (30, 20), (20, 6), (3, 20), (20, 30), (30, 4)]
    assert VAE((8, 8), [0]).decoder.means(torch.zeros(1, 2, 16)).shape == (1, 2, 8, 8)


def test_loss_is_the_negative_evidence_lower_bound() -> None:
    # Σ BCE + β KL(q ‖ N(0, I)), with z = μ + σ ε, from torch.distributions.
    model = VAE((3, 3), [0, 1], latent_size=2, hidden_sizes=(6,), beta=0.5)
    x, noise = torch.randint(0, 2, (2, 4, 3, 3)).float(), torch.randn(2, 4, 2)
    mean, log_variance = model.encode(x)
    posterior = Normal(mean, (log_variance / 2).exp())
    z = posterior.loc + posterior.scale * noise
    likelihood = Bernoulli(model.decoder.means(z)).log_prob(x).sum((2, 3))
    expected = -likelihood + 0.5 * kl_divergence(posterior, Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(model.loss(x, Drawn(noise)), expected)


def test_loss_is_differentiable_through_sigma() -> None:
    # Where the KL weighs nothing, log σ² is reached through z alone.
    model = VAE((3, 3), [0], latent_size=2, hidden_sizes=(), beta=0.0)
    last = model.encoder[-1]
    assert isinstance(last, Linear) and isinstance(last, nn.Module)
    model.loss(torch.rand(1, 4, 3, 3), Drawn(torch.randn(1, 4, 2))).sum().backward()
    assert last.weight.grad is not None
    assert last.weight.grad[..., 2:].any()


def test_reconstruct_passes_the_posterior_mean() -> None:
    model, x = VAE((3, 3), [0], latent_size=2, hidden_sizes=(6,)), torch.rand(1, 4, 3, 3)
    output = model.reconstruct(x)
    torch.testing.assert_close(output.decoded, model.decoder(model.encode(x)[0]))
    assert torch.equal(output.x, x)


def test_loss_is_float32_where_layers_compute_in_bfloat16() -> None:
    # What comes out of the layers is rounded, and nothing after it is.
    model = VAE((3, 3), [0], latent_size=2, hidden_sizes=(6,))
    x, noise = torch.rand(1, 4, 3, 3), torch.randn(1, 4, 2)
    with torch.autocast("cpu", torch.bfloat16):
        loss, (mean, log_variance) = model.loss(x, Drawn(noise)), model.encode(x)
        z = mean + (0.5 * log_variance).exp() * noise
        logits, means = model.decoder(z), model.decoder.means(z)
    assert {mean.dtype, log_variance.dtype, loss.dtype, means.dtype} == {torch.float32}
    assert logits.dtype == torch.bfloat16
    torch.testing.assert_close(means, logits.float().sigmoid())
    likelihood = torch.distributions.Bernoulli(logits=logits.float(), validate_args=False)
    kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(-1)
    torch.testing.assert_close(loss, kl - likelihood.log_prob(x).sum((2, 3)))


def test_hidden_activations_are_those_of_each_layer() -> None:
    model, x = VAE((3, 3), [0, 1], latent_size=2, hidden_sizes=(6, 5)), torch.rand(2, 4, 3, 3)
    output = model.reconstruct(x)
    first, second, code = output.hidden
    layers = [layer for layer in model.encoder if isinstance(layer, Linear)]
    torch.testing.assert_close(first, (x.flatten(2) @ layers[0].weight + layers[0].bias).relu())
    torch.testing.assert_close(second, (first @ layers[1].weight + layers[1].bias).relu())
    torch.testing.assert_close(code, output.mean)
    again = model.reconstruct(output.means).hidden
    for one, other in zip(output.hidden_of_means, again, strict=True):
        torch.testing.assert_close(one, other)
