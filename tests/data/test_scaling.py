"""Values of any range, scaled by what the first task shows: against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.preprocessing import MinMaxScaler

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset import Samples
from cl_anomaly.data.scaling import FURTHEST, Scaling

RANDOM = np.random.default_rng(0)
VECTORS = torch.tensor(RANDOM.normal(size=(20, 3)) * [1, 50, 0.1] + [0, 7, -2]).float()


def test_vectors_are_scaled_as_scikit_learn_does() -> None:
    scaler = MinMaxScaler().fit(VECTORS[:8].numpy())
    scaling = Scaling.of(VECTORS[:8])
    expected = scaler.transform(VECTORS.numpy())
    np.testing.assert_allclose(scaling(VECTORS), expected, rtol=1e-4, atol=1e-5)
    assert scaling(VECTORS[:8]).aminmax() == (0, 1)


def test_images_share_one_range() -> None:
    images = torch.tensor([[[1.0, 2.0], [3.0, 5.0]], [[2.0, 2.0], [2.0, 9.0]]])
    expected = (images - 1) / 8
    torch.testing.assert_close(Scaling.of(images)(images), expected)


def test_a_feature_that_does_not_vary_keeps_its_distances() -> None:
    scaling = Scaling.of(torch.tensor([[3.0, 1.0], [3.0, 2.0]]))
    torch.testing.assert_close(scaling(torch.tensor([[3.0, 1.5]])), torch.tensor([[0.0, 0.5]]))
    torch.testing.assert_close(scaling(torch.tensor([[5.0, 1.5]])), torch.tensor([[2.0, 0.5]]))


def test_what_lies_very_far_out_is_as_far_as_can_be() -> None:
    scaling = Scaling.of(torch.tensor([[0.0], [2.0]]))
    far = scaling(torch.tensor([[1e30], [-1e30]]))
    assert far.flatten().tolist() == [1 + FURTHEST, -FURTHEST]


def test_each_replica_scales_by_its_own_range() -> None:
    own = [Scaling.of(VECTORS[:8]), Scaling.of(VECTORS[8:])]
    both = Scaling.side_by_side(own)
    assert both is not None and both.replicas == 2
    samples, places = Samples(VECTORS, 1.0), torch.tensor([[0, 9, 3], [4, 4, 12]])
    batch = samples.scaled_by(both).batch(places)
    assert batch.shape == (2, 3, 3)
    for replica in range(2):
        alone = samples.scaled_by(own[replica]).batch(places[replica])
        assert torch.equal(batch[replica], alone)
        assert torch.equal(both.part(replica, replica + 1)(VECTORS), own[replica](VECTORS))
    shared = samples.scaled_by(both).for_all(torch.tensor([5, 6]), 2)
    assert torch.equal(shared[1], samples.scaled_by(own[1]).batch(torch.tensor([5, 6])))
    with pytest.raises(InputError, match="each of the 2 replicas"):
        samples.scaled_by(both).batch(torch.tensor([1, 2, 3]))


def test_images_of_several_replicas() -> None:
    images = torch.tensor(RANDOM.random((6, 4, 5)) * 9).float()
    own = [Scaling.of(images[:2]), Scaling.of(images[2:])]
    both = Scaling.side_by_side(own)
    x = torch.stack([images[:3], images[3:]])
    assert both is not None
    assert torch.equal(both(x), torch.stack([own[0](images[:3]), own[1](images[3:])]))


def test_no_scaling_side_by_side_is_none() -> None:
    assert Scaling.side_by_side([None, None]) is None


def test_a_scaling_survives_json() -> None:
    scaling = Scaling.of(VECTORS)
    again = Scaling.from_lists(scaling.as_lists())
    assert torch.equal(again(VECTORS), scaling(VECTORS))
    with pytest.raises(ValueError, match="range for each replica"):
        Scaling.from_lists({"low": [0.0], "high": [1.0]})


@pytest.mark.parametrize(
    ("stored", "bounded"),
    [
        (torch.tensor([[0, 255]], dtype=torch.uint8), True),
        (torch.tensor([[0.0, 1.0]]), True),
        (torch.tensor([[0.0, 1.03]]), False),
        (torch.tensor([[-1e-9, 1.0]]), False),
    ],
)
def test_what_is_bounded(stored: torch.Tensor, bounded: bool) -> None:
    assert Samples(stored, 1.0).is_bounded == bounded
