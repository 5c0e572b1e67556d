import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from cl_anomaly.evaluation.scores import SCORES, make_scores
from cl_anomaly.evaluation.scoring import auroc_after, score_samples
from cl_anomaly.matrix_products import matrix_products_in
from cl_anomaly.models.vae import VAE
from cl_anomaly.scenarios.class_stream import build_scenario
from tests.learning import small_dataset


def test_headline_is_against_the_classes_so_far_in_any_order() -> None:
    # Tasks 3, 1, 2 and anomaly class 0: after the first, only class 3 counts.
    scenario = build_scenario(small_dataset(), 0, [3, 1, 2])
    labels = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    scores = np.array([2.0, 5.0, 1.0, 3.0, 4.0, 6.0, 0.0, 7.0], dtype=np.float32)
    for task, normal in zip(scenario.tasks, ([3], [3, 1], [3, 1, 2]), strict=True):
        values = auroc_after(scenario, task, scores, labels)
        chosen = np.isin(labels, [0, *normal])
        expected = roc_auc_score(labels[chosen] == 0, scores[chosen])
        assert values.pop("auroc_seen") == pytest.approx(expected, abs=1e-12)
        # By hand: of each 4 pairs, in how many does the anomaly score higher?
        assert values == {"auroc_class_1": 0.75, "auroc_class_2": 0.25, "auroc_class_3": 0.5}


def test_scores_are_those_of_the_model_itself_in_float32() -> None:
    dataset, model = small_dataset(), VAE((3, 3), [0, 1], latent_size=2, hidden_sizes=(12,))
    indices = torch.tensor([70, 3, 11])
    found = score_samples(model, dataset.test, indices, make_scores(SCORES))
    x = (dataset.test.stored[indices].float() / 255).expand(2, 3, 3, 3)
    with torch.no_grad():
        for name, score in SCORES.items():
            expected = score()(model.reconstruct(x)).numpy()
            np.testing.assert_allclose(found[name], expected, rtol=1e-5)


def test_samples_are_scored_in_their_order_whatever_their_number() -> None:
    # More than are scored at once, with 300 replicas.
    dataset = small_dataset()
    model = VAE((3, 3), range(300), latent_size=2, hidden_sizes=())
    found = score_samples(model, dataset.test, torch.arange(85), make_scores(["mse"]))["mse"]
    few = score_samples(model, dataset.test, torch.tensor([4, 84]), make_scores(["mse"]))["mse"]
    assert found.shape == (300, 85)
    np.testing.assert_allclose(found[:, [4, 84]], few, rtol=1e-5)


def test_scores_are_float32_whatever_the_precision_of_training() -> None:
    # Layers wide enough for the library to take its bfloat16 path, where the processor has one.
    dataset, model = small_dataset(), VAE((3, 3), [0], latent_size=2, hidden_sizes=(64,))
    x = (dataset.test.stored.float() / 255)[None]
    with torch.no_grad():
        expected = SCORES["recon"]()(model.reconstruct(x)).numpy()
    with matrix_products_in(torch.bfloat16, torch.device("cpu")):
        found = score_samples(model, dataset.test, torch.arange(85), make_scores(["recon"]))[
            "recon"
        ]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
