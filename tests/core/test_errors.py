"""An error about a setting is data, which each surface writes in its own words."""

import pickle

import pytest

from cl_anomaly.core.errors import InputError, UnknownSetting

_ERRORS = [
    (
        InputError(setting="task_order", expected="to be a class", got="12", hint="See the list."),
        "Expected `{task_order}` to be a class, but got 12. See the list.",
    ),
    (
        InputError(setting="blur", expected="with several tasks", but="there is one"),
        "Expected `{blur}` with several tasks, but there is one.",
    ),
    (
        InputError(setting="label_column", expected=", the column with labels", got="none"),
        "Expected `{label_column}`, the column with labels, but got none.",
    ),
    (
        InputError(setting="score", expected="no {} with ranks", got="mse"),
        "Expected no `{score}` with ranks, but got mse.",
    ),
    (
        UnknownSetting("epoch", expected="settings of a run", like="epochs"),
        "Expected settings of a run, but got `{epoch}`. Did you mean `{epochs}`?",
    ),
    (InputError("The disk is full."), "The disk is full."),
]


@pytest.mark.parametrize(("error", "sentence"), _ERRORS)
def test_each_surface_names_settings_in_its_own_way(error: InputError, sentence: str) -> None:
    assert str(error) == sentence.replace("{", "").replace("}", "")
    written = error.written(lambda name: f"--{name}")
    assert written == sentence.replace("{", "--").replace("}", "")


@pytest.mark.parametrize(("error", "sentence"), _ERRORS)
def test_an_error_stays_what_it_is_in_another_process(error: InputError, sentence: str) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.setting == error.setting
