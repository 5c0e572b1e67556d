from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from cl_anomaly.core.products import matrix_products_in
from cl_anomaly.models.vae import VAE
from cl_anomaly.scenarios.base import Replica, all_test_indices
from cl_anomaly.scenarios.by_replica import scenario_of
from cl_anomaly.scenarios.class_stream import build_scenario
from cl_anomaly.scores import SCORES, make_scores
from cl_anomaly.scores.scoring import GroupPlaces, reconstructed, score_samples
from tests.support.helpers import labelled
from tests.support.learning import small_dataset


def test_headline_is_against_the_classes_so_far_in_any_order() -> None:
    # Tasks 3, 1, 2 and anomaly class 0: after the first, only class 3 counts.
    scenario = build_scenario(labelled([1, 2, 3], [0, 0, 1, 1, 2, 2, 3, 3]), 0, [3, 1, 2])
    labels = scenario.test_labels.numpy()
    scores = np.array([2.0, 5.0, 1.0, 3.0, 4.0, 6.0, 0.0, 7.0], dtype=np.float32)
    places = GroupPlaces(scenario, scenario.test_indices)
    assert places.classes == (1, 2, 3)
    for number, normal in enumerate(([3], [3, 1], [3, 1, 2]), 1):
        row = places.aurocs_after(number, scores)
        chosen = np.isin(labels, [0, *normal])
        expected = roc_auc_score(labels[chosen] == 0, scores[chosen])
        assert row.headline == pytest.approx(expected, abs=1e-12)
        # By hand: of each 4 pairs, in how many does the anomaly score higher?
        assert row.classes.tolist() == [0.75, 0.25, 0.5]
        # A row of the result matrix has the order of the tasks: 3, 1, 2.
        assert row.tasks.tolist() == [0.5, 0.75, 0.25]


def test_each_class_of_a_task_counts_the_same() -> None:
    # Of class 1 one sample of three is below the anomaly, of class 2 the only one: (1/3 + 1) / 2.
    scenario = build_scenario(labelled([1, 2], [0, 1, 1, 1, 2]), 0, classes_per_task=2)
    scores = np.array([2, 1, 3, 3, 0], dtype=np.float32)
    row = GroupPlaces(scenario, scenario.test_indices).aurocs_after(1, scores)
    assert row.tasks == pytest.approx([2 / 3])
    assert row.headline == pytest.approx(2 / 4)


def test_samples_of_other_replicas_scenarios_do_not_count() -> None:
    dataset = labelled([0, 1, 2, 3], [3, 1, 0, 2, 1, 0, 3])
    scores = np.array([4, 1, 2, 5, 3, 0, 6], dtype=np.float32)
    scenarios = [scenario_of(dataset, Replica(0, own, (3, 1))) for own in (0, 2)]
    for scenario in scenarios:
        alone = GroupPlaces(scenario, scenario.test_indices)
        among = GroupPlaces(scenario, all_test_indices(scenarios))
        for number in (1, 2):
            expected = alone.aurocs_after(number, scores[scenario.test_indices.numpy()])
            found = among.aurocs_after(number, scores)
            assert found.headline == expected.headline
            assert found.tasks.tolist() == expected.tasks.tolist()


def test_a_task_with_anomalies_of_its_own_is_judged_by_them() -> None:
    shared = build_scenario(labelled([1, 2], [1, 1, 2, 2, 0, 0, 0]), 0)
    own = [
        replace(t.group, anomalies=torch.tensor(p))
        for t, p in zip(shared.tasks, ([4, 5], [6]), strict=True)
    ]
    tasks = tuple(replace(t, group=g) for t, g in zip(shared.tasks, own, strict=True))
    scenario = replace(shared, tasks=tasks, anomalies=None)
    scores = np.array([0, 5, 1, 3, 4, 6, 2], dtype=np.float32)
    row = GroupPlaces(scenario, scenario.test_indices).aurocs_after(1, scores)
    # 4 and 6 against 0 and 5: three pairs of four. 2 against 1 and 3: one of two.
    assert row.tasks.tolist() == [0.75, 0.5]
    # All anomalies, 4, 6 and 2, against 0 and 5: four pairs of six.
    assert row.headline == pytest.approx(4 / 6)


def test_scores_are_those_of_the_model_itself_in_float32() -> None:
    dataset, model = small_dataset(), VAE((3, 3), [0, 1], latent_size=2, hidden_sizes=(12,))
    indices = torch.tensor([70, 3, 11])
    names = [name for name, score in SCORES.items() if score.needs <= VAE.abilities]
    scores = make_scores(names)
    for score in scores:
        if score.learns():
            score.learn(reconstructed(model, dataset.train, [torch.arange(85)] * 2))
    found = score_samples(model, dataset.test, indices, scores)
    x = (dataset.test.stored[indices].float() / 255).expand(2, 3, 3, 3)
    assert list(found) == names
    with torch.no_grad():
        for score in scores:
            expected = score(model.reconstruct(x)).numpy()
            np.testing.assert_allclose(found[score.name], expected, rtol=1e-5)


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
