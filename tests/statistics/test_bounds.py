"""Gap closed, between the bounds that a run has."""

import math

import pandas as pd
import pytest

from cl_anomaly.statistics.bounds import gaps_closed, kind_of


def test_the_gap_is_between_bounds_of_the_same_model_and_score() -> None:
    vae = {"model": "vae", "model_options": {"beta": 1.0}, "task_order": "ascending"}
    kinds = {
        "lower": kind_of("lower", vae, "mse"),
        "upper": kind_of("upper", vae, "mse"),
        "gr": kind_of("gr", vae, "mse"),
        "other model": kind_of("gr", vae | {"model": "ae", "model_options": {}}, "mse"),
        "other score": kind_of("gr", vae, "recon"),
        "other order": kind_of("gr", vae | {"task_order": "random"}, "mse"),
        "other epochs": kind_of("gr", vae | {"epochs": 2}, "mse"),
        "other steps": kind_of("gr", vae | {"steps": 100}, "mse"),
        "no results": kind_of("gr", vae, "mse"),
    }
    means = dict.fromkeys(kinds, 0.9) | {"lower": 0.6, "upper": 1.0, "no results": math.nan}
    found = gaps_closed(means, kinds)
    assert found["gr"] == pytest.approx(0.75)
    assert (found["lower"], found["upper"]) == pytest.approx((0.0, 1.0))
    assert all(pd.isna(found[name]) for name in kinds if " " in name)


def test_of_two_lower_bounds_the_first_counts() -> None:
    lower, upper = (kind_of(bound, {"model": "vae"}, "mse") for bound in ("lower", "upper"))
    kinds = {"a": lower, "b": lower, "u": upper}
    assert gaps_closed({"a": 0.5, "b": 0.75, "u": 1.0}, kinds) == {"a": 0.0, "b": 0.5, "u": 1.0}
