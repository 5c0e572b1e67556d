import torch

from cl_anomaly.strategies.lwf import LwF
from tests.support.learning import learn, prepare, small_scenario, vae_of

SEEDS = [3, 7]


def _after_first_task(strategy: LwF, hidden_sizes: tuple[int, ...] = (12,)) -> LwF:
    scenario = small_scenario()
    prepare(strategy, scenario, SEEDS, hidden_sizes)
    learn(strategy, [scenario] * 2, SEEDS, 1)
    return strategy


def _shift(strategy: LwF) -> None:
    numbers = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in strategy.model.parameters():
            weight.add_(0.05 * torch.randn(weight.shape, generator=numbers))


def test_first_task_has_nothing_to_keep() -> None:
    assert prepare(LwF(), small_scenario(), SEEDS).penalty(torch.zeros(2, 8, 3, 3)) == 0


def test_penalty_is_0_while_the_model_is_what_it_was() -> None:
    penalty = _after_first_task(LwF()).penalty(torch.rand(2, 8, 3, 3))
    assert isinstance(penalty, torch.Tensor) and penalty.tolist() == [0, 0]


def test_penalty_written_out() -> None:
    strategy = _after_first_task(LwF(lam=3.0, codes=0.5), hidden_sizes=(12, 9, 7))
    x = torch.rand(2, 8, 3, 3)
    vae = vae_of(strategy)

    def outputs() -> tuple[torch.Tensor, torch.Tensor]:
        code = vae.encode(x)[0]
        return code.detach(), vae.decoder.means(code).detach()

    before = outputs()
    _shift(strategy)
    (code, means), (old_code, old_means) = outputs(), before
    expected = torch.zeros(2)
    for replica in range(2):
        for sample in range(8):
            expected[replica] += 0.5 * (means - old_means)[replica, sample].square().sum() / 8
            expected[replica] += 0.25 * (code - old_code)[replica, sample].square().sum() / 8
    penalty = strategy.penalty(x)
    assert isinstance(penalty, torch.Tensor) and (expected > 1e-4).all()
    torch.testing.assert_close(penalty.detach(), 3 * expected, rtol=1e-4, atol=1e-7)


def test_gradients_go_to_the_model_alone() -> None:
    strategy = _after_first_task(LwF())
    _shift(strategy)
    penalty = strategy.penalty(torch.rand(2, 8, 3, 3))
    assert isinstance(penalty, torch.Tensor)
    penalty.sum().backward()
    assert all(weight.grad is not None for weight in strategy.model.parameters())
    assert all(weight.grad is None for weight in strategy.kept["model"].parameters())


def test_it_keeps_one_model() -> None:
    strategy = _after_first_task(LwF())
    kept = sum(own.nbytes for own in strategy.state_dict().values())
    assert kept == sum(own.nbytes for own in strategy.model.parameters())
