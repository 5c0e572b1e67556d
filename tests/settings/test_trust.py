"""Code from a stranger's folder does not run unasked."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from cl_anomaly.store.files import read_sealed, write_sealed
from tests.support.command import SMALL, Done, cli, config_of

TINY = (*SMALL, "--model.hidden-sizes", "[4]", "--quiet")


def source_of(marker: Path) -> str:
    """A strategy that leaves a mark where it is run."""
    return (
        "from pathlib import Path\n\nfrom cl_anomaly.strategies import Strategy\n\n"
        f"Path({str(marker)!r}).touch()\n\n\nclass Mine(Strategy):\n    pass\n"
    )


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


@pytest.fixture
def run(tmp_path: Path, marker: Path) -> Path:
    """A run that this user has begun, of a file outside its folder; interrupted, by the look."""
    file = tmp_path / "mine.py"
    file.write_text(source_of(marker))
    done = cli("run", *TINY, "--strategy", f"{file}:Mine", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    folder = done.last_line
    manifest = folder / "manifest.json"
    write_sealed(manifest, read_sealed(manifest) | {"complete": False})
    forget(marker)
    return folder


def forget(marker: Path) -> None:
    """Let a file that is loaded from now on leave its mark anew."""
    from cl_anomaly.settings import own_files

    own_files._files.clear()
    marker.unlink(missing_ok=True)


def rename_strategy(folder: Path, strategy: str) -> None:
    """Name another strategy in a run's configuration, as a stranger would, who seals it again."""
    path, manifest = folder / "config.json", folder / "manifest.json"
    path.write_text(json.dumps(config_of(folder) | {"strategy": strategy}))
    content = read_sealed(manifest)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    content["files"]["config.json"] = {"bytes": path.stat().st_size, "sha256": digest}
    write_sealed(manifest, content)


def ways_to_run(folder: Path) -> list[tuple[str | Path, ...]]:
    config, out = folder / "config.json", folder.parent.parent / "again"
    suite = folder / "suite.json"
    settings = config_of(folder)
    runs = {"runs": {"a": {"strategy": settings.pop("strategy")}}}
    suite.write_text(json.dumps(settings | runs))
    return [
        ("resume", folder, "--quiet"),
        ("run", "--config", config, "--out", out, "--quiet"),
        ("run", f"--config={config}", "--out", out, "--quiet", "--strategy.nope", "3"),
        ("compare", "--suite", suite, "--out", out, "--quiet", "--workers", "1"),
    ]


def check_refused(done: Done, marker: Path, *words: str) -> None:
    assert done.code == 2, done.err
    assert "--trust" in done.err and "Traceback" not in done.err
    for word in words:
        assert word in done.err
    assert not marker.exists(), "it ran"


def test_a_strategy_in_the_folder_itself_is_asked_for(run: Path, marker: Path) -> None:
    # Though this user has run just that file before.
    rename_strategy(run, f"{run / 'strategy.py'}:Mine")
    assert cli("run", *TINY, "--strategy", f"{run}/strategy.py:Mine", "--out", run / "x").code == 0
    forget(marker)
    for command in ways_to_run(run):
        check_refused(cli(*command), marker, str(run / "strategy.py"), "lies in that folder")
    assert cli(*ways_to_run(run)[0], "--trust").code == 0
    assert marker.exists()


def test_a_strategy_beside_the_folder_with_a_record_that_fits_is_asked_for(
    run: Path, marker: Path, tmp_path: Path
) -> None:
    evil = tmp_path / "evil.py"
    shutil.copy(run / "strategy.py", evil)
    rename_strategy(run, f"{evil}:Mine")
    for command in ways_to_run(run):
        check_refused(cli(*command), marker, str(evil), "not a file that you have run before")
    for command in ways_to_run(run)[1:2]:
        assert cli(*command, "--trust").code == 0
    assert marker.exists()


def test_avalanches_way_is_asked_for_alike(run: Path, marker: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil.py"
    shutil.copy(run / "strategy.py", evil)
    rename_strategy(run, f"avalanche:{evil}:Mine")
    for command in ways_to_run(run):
        check_refused(cli(*command), marker, str(evil))


def test_the_file_that_this_user_ran_is_not_asked_for(run: Path, marker: Path) -> None:
    for command in ways_to_run(run)[1::2]:
        assert cli(*command).code == 0
    assert cli("resume", run, "--quiet").code == 0
    assert marker.exists()


def test_another_users_is(run: Path, marker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(run.parent / "another"))
    for command in ways_to_run(run):
        check_refused(cli(*command), marker, "not a file that you have run before")


def test_where_nothing_can_be_noted_it_is_asked_for(
    tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    file = tmp_path / "mine.py"
    file.write_text(source_of(marker))
    done = cli("run", *TINY, "--strategy", f"{file}:Mine", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    forget(marker)
    check_refused(cli("run", "--config", done.last_line / "config.json"), marker)


def test_a_file_that_was_edited_since_is_asked_for(run: Path, marker: Path, tmp_path: Path) -> None:
    # A comment: so that it is not refused for being other code.
    (tmp_path / "mine.py").write_text(f"# mine\n{source_of(marker)}")
    for command in ways_to_run(run)[:3]:
        check_refused(cli(*command), marker, "not as it was when it made these results")


def test_named_on_the_command_line_it_is_the_users_choice(
    run: Path, marker: Path, tmp_path: Path
) -> None:
    copy = f"{run / 'strategy.py'}:Mine"
    rename_strategy(run, copy)
    config = ("run", "--config", run / "config.json", "--out", tmp_path / "again", "--quiet")
    for command in (("run", "--strategy", "lower", *config[1:]), (*config, "--strategy", "lower")):
        assert cli(*command).code == 0
        assert not marker.exists(), "a flag changes the file's setting, wherever it stands"
    assert cli(*config, "--strategy", copy).code == 0
    assert marker.exists()


def test_a_configuration_has_no_module_imported(
    run: Path, marker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(run / "strategy.py", tmp_path / "evilmod.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    rename_strategy(run, "avalanche:evilmod.Mine")
    resumed, *others = [cli(*command, "--trust") for command in ways_to_run(run)]
    assert resumed.code == 2 and "with the current code" in resumed.err
    for done in others:
        assert done.code == 2 and "none of Avalanche's own modules" in done.err
    assert not marker.exists()


def test_the_list_is_what_sha256sum_writes(run: Path, tmp_path: Path) -> None:
    state = Path(os.environ["XDG_STATE_HOME"]) / "cl-anomaly" / "strategy-files.sha256"
    digest = hashlib.sha256((tmp_path / "mine.py").read_bytes()).hexdigest()
    assert state.read_text() == f"{digest}  {tmp_path / 'mine.py'}\n", "and once"
