"""Runs in a queue, for which submitit's own stands in: requeued, lost, waited for."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from cl_anomaly.engines.local import LocalEngine
from cl_anomaly.engines.slurm import FOLDER, SlurmEngine
from cl_anomaly.store.files import is_locked
from cl_anomaly.store.status import find_runs
from tests.engines.elsewhere import NUMBERS, Runs, same_numbers
from tests.support.command import open_interruptible

pytestmark = pytest.mark.cluster


def queue(**options: Any) -> SlurmEngine:
    return SlurmEngine(cluster="local", **options)


def writers(out: Path) -> list[int]:
    """The processes of the queue that carry runs out in a folder."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                command = (place / "cmdline").read_bytes().decode()
            except OSError:
                continue
            if "submitit.core._submit" in command and str(out) in command:
                found.append(int(place.name))
    return found


def test_the_queue_gives_the_same_bytes(runs: Runs, local: Any) -> None:
    jobs = runs.plain(runs.folder / "out")
    outcome = runs.performed(queue(pack=2), jobs)
    assert same_numbers(outcome, local(jobs))
    assert {told for told in runs.told if told[1] == "task"} >= {
        (job.run, "task", task) for job in jobs for task in (1, 2, 3)
    }
    recorded = json.loads((runs.folder / "out" / FOLDER / "jobs.json").read_text())["jobs"]
    assert [list(own["runs"]) for own in recorded] == [[job.name for job in jobs]]


def test_a_run_that_executes_a_file_of_the_users_is_a_job_of_its_own(runs: Runs) -> None:
    own = runs.noting(runs.folder / "out", a="well", b="well")
    plain = runs.plain(runs.folder / "out")
    packs = queue(pack=2)._packs([own[0], plain[0], own[1], plain[1]])
    assert packs == [[own[0]], [own[1]], plain]


def test_before_its_time_is_over_a_job_saves_and_is_queued_anew(runs: Runs, local: Any) -> None:
    asked = []

    def announce_the_end(run: str, task: int) -> None:
        if task == 2 and not asked:
            (runs.folder / "asked").touch()
            asked.extend(writers(runs.folder / "out"))
            for process in asked:
                os.kill(process, signal.SIGUSR1)
        elif task == 2:
            runs.go()

    jobs = runs.lingering(2, runs.folder / "out")
    outcome = runs.performed(queue(workers=1, pack=2), jobs, announce_the_end)
    assert len(asked) == 1
    folder = outcome.folders["run 0"]
    assert runs.going_on == [("run 0", f"Resuming {folder} from task 2 of 3.")]
    assert [told for told in runs.told if told[2] == 1] == [
        ("run 0", "task", 1),
        ("run 1", "task", 1),
    ]
    assert same_numbers(outcome, local(jobs))


def test_a_run_that_fails_and_a_job_that_is_lost_stop_no_other(runs: Runs) -> None:
    jobs = runs.noting(runs.folder / "out", good="well", bad="raises", lost="ends")
    outcome = runs.performed(queue(workers=1), jobs)
    assert list(outcome.folders) == ["good"]
    assert "for a reason of its own" in outcome.failures["bad"]
    assert "ended without results" in outcome.failures["lost"]
    assert [runs.begun(name) for name in ("good", "bad", "lost")] == [1, 1, 1]


def test_interrupted_it_is_saved_and_another_engine_goes_on(runs: Runs, local: Any) -> None:
    def interrupt(run: str, task: int) -> None:
        if task == 2:
            (runs.folder / "asked").touch()
            signal.raise_signal(signal.SIGTERM)

    jobs = runs.lingering(2, runs.folder / "out")
    outcome = runs.performed(queue(workers=1), jobs, interrupt)
    assert outcome.interrupted == signal.SIGTERM
    assert (outcome.folders, outcome.failures) == ({}, {})
    # One of them, or both where there was room already.
    assert {status.name for status in find_runs(runs.folder / "out")} == {"interrupted"}
    runs.go()
    again = runs.performed(LocalEngine(1), jobs)
    assert "run 0" in dict(runs.going_on)
    assert same_numbers(again, local(jobs))


def test_who_comes_back_waits_for_the_jobs_that_are_there_and_queues_none_twice(
    runs: Runs, local: Any
) -> None:
    out, jobs = runs.folder / "out", runs.lingering(1, runs.folder / "out")
    suite = runs.folder / "suite.toml"
    suite.write_text(f'[runs."run 0"]\nstrategy = "{runs.folder}/lingering.py:Lingers"\n')
    asked = f"--suite {suite} --trust --dataset digits --epochs 1 --seeds 1 --device cpu"
    command = [sys.executable, "-m", "cl_anomaly", "compare", *asked.split()]
    command += ["--task-order", "1,2,3", "--out", str(out), "--no-report"]
    command += ["--engine", "slurm", "--engine.cluster", "local"]
    with open_interruptible(command) as process:
        assert process.stderr
        for line in process.stderr:
            if b"task 1/3" in line:
                break
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=60)
    (status,) = find_runs(out)
    assert is_locked(status.folder)  # the queue goes on without who asked
    with open_interruptible(command) as process:
        assert process.stderr
        told = ""
        for line in process.stderr:
            told += line.decode()
            if "task 1/3" in told:  # what was told before is told again
                runs.go()
        assert process.wait(timeout=60) == 0, told
    assert "task 3/3" in told
    assert "Resuming" not in told
    recorded = json.loads((out / FOLDER / "jobs.json").read_text())["jobs"]
    assert len(recorded) == 1
    (expected,) = local(jobs).folders.values()
    for file in NUMBERS:
        assert (status.folder / file).read_bytes() == (expected / file).read_bytes(), file


SLURM = {
    "sbatch": """#!/bin/sh
# Takes a job array, as SLURM does, and carries its first job out at once.
cat "$1" > {folder}/script
echo Submitted batch job 4711
""",
    "sacct": "#!/bin/sh\necho 'JobID|State|NodeList'\necho '4711_0|CANCELLED|none'\n"
    "echo '4711_1|CANCELLED|none'\n",
    "scancel": "#!/bin/sh\necho $@ >> {folder}/cancelled\n",
    "srun": "#!/bin/sh\n",
}


def test_what_slurm_is_asked_for(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = runs.folder / "tools"
    tools.mkdir()
    for name, script in SLURM.items():
        (tools / name).write_text(script.format(folder=runs.folder))
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    engine = SlurmEngine(
        workers=7,
        minutes=90.0,
        partition="gpu",
        account="lab",
        gpus=1,
        warning_seconds=45,
        setup="module load cuda; source venv/bin/activate",
    )
    outcome = runs.performed(engine, runs.plain(runs.folder / "out"))
    asked = (runs.folder / "script").read_text()
    for line in (
        "#SBATCH --array=0-1%2",
        "#SBATCH --time=90",
        "#SBATCH --partition=gpu",
        "#SBATCH --account=lab",
        "#SBATCH --gpus-per-node=1",
        "#SBATCH --signal=USR1@45",
        "#SBATCH --mem=8GB",
        "#SBATCH --cpus-per-task=1",
        "module load cuda",
        "source venv/bin/activate",
        "export SUBMITIT_PREEMPT_SIGNAL=USR1",
    ):
        assert line in asked.splitlines(), line
    assert all("ended without results" in why for why in outcome.failures.values())
    assert len(outcome.failures) == 2


def test_a_queue_that_takes_no_jobs_says_why(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    from cl_anomaly.core.errors import RunError

    monkeypatch.setenv("PATH", "")
    with pytest.raises(RunError, match="The queue did not take the jobs"):
        runs.performed(SlurmEngine(), runs.plain(runs.folder / "out"))
