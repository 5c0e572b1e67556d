"""`--help`, and what a shell completes: in groups, from the settings themselves."""

import pytest

from cl_anomaly.cli.main import COMMANDS
from cl_anomaly.settings.run_config import settings_of_a_run
from tests.support.command import cli

_GROUPS = ["Data:", "Stream:", "Training:", "Results:", "Where it runs:"]


def test_flags_stand_in_groups() -> None:
    lines = cli("run", "--help").out.splitlines()
    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings == [
        *_GROUPS,
        "Options of the strategy gr:",
        "Options of the model vae:",
        "Options of the engine local:",
    ]


def test_every_setting_has_its_flag_and_its_text() -> None:
    shown = "".join(cli("run", "--help").out.split())
    for option in settings_of_a_run():
        if not option.name.endswith("_options"):
            assert f"--{option.name.replace('_', '-')}{option.name.upper()}" in shown
            assert "".join(option.help.split()) in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_a_text_begins_with_a_noun_or_a_verb(name: str) -> None:
    assert cli(name, "-h").code == 0
    for flag in COMMANDS[name].flags:
        assert flag.option.help.split()[0] not in ("of", "which", "with", "that", "in")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("run --strat", ["--strategy"]),
        ("run --strategy gr-", ["gr-conditional", "gr-distill", "gr-evt"]),
        ("run --model conv", ["conv-ae", "conv-vae"]),
        ("run --dataset mn", ["mnist"]),
        ("run --score re", ["recon", "recon-prob"]),
        ("run --scenario one", ["one-class"]),
        ("bench digi", ["digits"]),
        ("res", ["resume"]),
    ],
)
def test_a_shell_completes_flags_and_names(
    monkeypatch: pytest.MonkeyPatch, typed: str, offered: list[str]
) -> None:
    monkeypatch.setenv("_CL_ANOMALY_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"cl-anomaly {typed}")
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split())))
    done = cli()
    assert done.code == 0
    assert [line.partition(",")[2] for line in done.out.splitlines()] == offered
