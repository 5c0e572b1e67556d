"""Whether a change of the code left the results of commands as they were, byte for byte.

Run it on both commits: `python benchmarks/same_bytes.py --out BEFORE` on the one, then
`python benchmarks/same_bytes.py --out AFTER --against BEFORE` on the other. It goes by the command
line alone, so that modules may be renamed between the two. `digests.json` in the folder records
the SHA-256 of all numbers, every exit status, and what was said of each mistake. Numbers and exit
statuses must be the same; changed messages are printed, to be read. MNIST is looked for as every
run does.

Commands are carried out in forks of this process, which has imported all that runs need; on one
core they take about seven minutes. With --engines, small comparisons go through Ray and a queue of
submitit's as well.
"""

import argparse
import contextlib
import csv
import hashlib
import json
import os
import runpy
import shlex
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from same_bytes_commands import (
    COMPARED,
    ENGINES,
    KILLED,
    REFUSED,
    RUNS,
    SCORED,
    SEVERAL,
    SHOWN,
    SMALLEST,
)
from same_bytes_files import write_files

# Files with numbers in the folder of a run, a comparison or a suite; others tell the time.
FILES = (
    "metrics.csv scores.npz model.safetensors summary.csv losses.csv thresholds.csv "
    "score_statistics.safetensors false_positive_rates.csv pictures.npz pairs.csv standings.csv"
).split()
ALONE = "--device cpu --no-report --quiet"
# How a run is stopped: at the beginning of which checkpoint, and how many seconds later.
STOPS = ((1, 0.2, signal.SIGKILL), (2, 0.0, signal.SIGKILL), (1, 0.05, signal.SIGTERM))


@dataclass
class Found:
    """What commands came to, by their names."""

    numbers: dict[str, dict[str, str]] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)


def main() -> None:
    arguments = _arguments()
    arguments.out.mkdir(parents=True)
    against = arguments.against and arguments.against.absolute() / "digests.json"
    os.chdir(arguments.out)  # nothing that is said names a folder of this machine
    os.environ |= {"XDG_STATE_HOME": str(Path("state").absolute()), "COLUMNS": "100"}
    write_files(Path())
    found = Found()
    _import_what_runs_need()
    _alone(found)
    _killed(found)
    _several(found, arguments.engines)
    _after(found)
    Path("digests.json").write_text(json.dumps(asdict(found), indent=1, ensure_ascii=False))
    if against:
        sys.exit(_differs(json.loads(against.read_text()), asdict(found)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="new folder for the results")
    parser.add_argument("--against", type=Path, help="folder with those of the other commit")
    parser.add_argument("--engines", action="store_true", help="Ray and a queue as well")
    return parser.parse_args()


# Commands


def _begin(arguments: list[str]) -> int:
    """Begin a command in a fork of this process, whose words go into `said` and `printed`."""
    sys.stdout.flush()
    if child := os.fork():
        return child
    for stream, path in ((1, "printed"), (2, "said")):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    code: object = 0
    try:
        sys.argv = ["cl-anomaly", *arguments]
        runpy.run_module("cl_anomaly", run_name="__main__", alter_sys=True)
    except SystemExit as stop:
        code = stop.code
    except BaseException:
        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _end(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _performed(command: str) -> int:
    return _end(_begin(shlex.split(command)))


def _said() -> str:
    return Path("said").read_text().replace(f"{Path.cwd()}/", "")


# What is looked at


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digests(folder: Path) -> dict[str, str]:
    return {file: _digest(folder / file) for file in FILES if (folder / file).exists()}


def _below(place: Path) -> dict[str, str]:
    """Digest all runs and comparisons below a folder; what a folder is called does not matter."""
    digests = {}
    for metrics in sorted(place.rglob("metrics.csv"), key=_digest):
        with metrics.open() as file:
            row = next(csv.DictReader(file))
        about = f"{row['strategy']} {row['seed']}"
        if not (metrics.parent / "scores.npz").exists():
            about = "all"
        about += f" {sum(name.startswith(f'{about} ') for name in digests)}"
        digests |= {f"{about} {file}": own for file, own in _digests(metrics.parent).items()}
    return digests


# What is run


def _import_what_runs_need() -> None:
    """Import it here, once, and look whether all modules are those of one package."""
    for strategy in ("lower", "avalanche:Naive"):
        command = f"run --strategy {strategy} {SMALLEST} {ALONE} --out first"
        sys.argv = ["cl-anomaly", *shlex.split(command)]
        with contextlib.suppress(SystemExit):
            runpy.run_module("cl_anomaly", run_name="__main__", alter_sys=True)
    own = {n: module for n, module in sys.modules.items() if f"{n}.".startswith("cl_anomaly.")}
    package = Path(own["cl_anomaly"].__file__ or "").parent
    print(f"This is {package}.", flush=True)
    files = {name: module.__file__ for name, module in own.items() if module.__file__}
    strange = [name for name, file in files.items() if package not in Path(file).parents]
    if strange:
        sys.exit(f"Another package has these modules: {', '.join(strange)}.")


def _show(name: str, found: Found) -> None:
    files = len(found.numbers.get(name, {}))
    print(f"{name}: exit {found.codes[name]}, {files} files with numbers", flush=True)


def _alone(found: Found) -> None:
    for name, flags in RUNS.items():
        flags += "" if "--precision" in flags else " --precision float32"
        folder = name.replace(" ", "-").replace(",", "")
        found.codes[name] = _performed(f"run {flags} {ALONE} --out runs --name {folder}")
        if found.codes[name]:
            found.messages[name] = _said()
        found.numbers[name] = _digests(Path("runs", folder))
        _show(name, found)


def _stopped(command: str, folder: Path, at: int, later: float, number: int) -> int:
    """Send a command a signal at a checkpoint of its run, and give how it ended."""
    child, seen = _begin(shlex.split(command)), _tensors(folder)
    while at and not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        time.sleep(0.002)
        if (now := _tensors(folder)) - seen:
            seen, at = now, at - 1
    time.sleep(later)
    os.kill(child, number)
    return _end(child)


def _tensors(folder: Path) -> set[tuple[str, int]]:
    """Find files of tensors, finished or not, with the times at which they were written."""
    found = set()
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names if name.endswith(".safetensors")):
            with contextlib.suppress(FileNotFoundError):
                found.add((path.name, path.stat().st_mtime_ns))
    return found


def _killed(found: Found) -> None:
    """Kill runs again and again; they end with the bytes of those that were let alone."""
    for strategy, flags in KILLED.items():
        whole, name = f"whole {strategy}", f"killed {strategy}"
        command = f"run {flags} --device cpu --precision float32 --no-report --out killed --name "
        found.codes[whole] = _performed(f"{command} whole-{strategy}")
        found.numbers[whole] = _digests(Path("killed", f"whole-{strategy}"))
        folder = Path("killed", strategy)
        codes = [_stopped(f"{command} {strategy}", folder, *stop) for stop in STOPS]
        found.messages[f"{name}, exits"] = str(codes)
        found.codes[name] = _performed(f"resume {folder}")
        said = " ".join(line.strip("│ ") for line in _said().splitlines()[1:3])
        found.numbers[name] = _digests(folder)
        found.codes[f"{name} against whole"] = int(found.numbers[whole] != found.numbers[name])
        _show(name, found)
        print(f"  stopped with {codes}; {said}", flush=True)


def _several(found: Found, engines: bool) -> None:
    """Perform what starts processes of its own; on each engine the same comparison."""
    commands = dict(SEVERAL)
    for name, flags in ENGINES.items() if engines else ():
        commands[name] = f"{COMPARED} --strategies gr,lower {flags}"
    for name, command in commands.items():
        out = name.replace(" ", "-")
        arguments = shlex.split(f"{command} --no-report --name table --out {out}")
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "cl_anomaly", *arguments], capture_output=True, text=True
        )
        found.codes[name] = done.returncode
        if done.returncode:
            found.messages[name] = done.stderr
        found.numbers[name] = _below(Path(out))
        _show(name, found)


def _after(found: Found) -> None:
    """Score, show and refuse, with the runs that are there."""
    for name, command in SCORED.items():
        found.codes[name] = _performed(command)
        found.numbers[name] = {"printed": _digest(Path("printed"))}
    for command in SHOWN + REFUSED:
        found.codes[command] = _performed(command)
        if command in REFUSED:
            found.messages[command] = _said()
        elif found.codes[command]:
            print(f"{command}: exit {found.codes[command]}\n{_said()}")


# Comparison


def _differs(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Print how two records differ; True where a number or an exit status does."""
    for name, said in after["messages"].items():
        if (earlier := before["messages"].get(name, "")) != said:
            print(f"\n{name}\n- {earlier.strip()}\n+ {said.strip()}")
    different = []
    for kind in ("numbers", "codes"):
        for name in sorted({*before[kind], *after[kind]}):
            one, other = before[kind].get(name), after[kind].get(name)
            if one != other:
                different.append(f"{name}: {_difference(one, other)}")
    compared = sum(map(len, after["numbers"].values()))
    print(f"\n{compared} files with numbers and {len(after['codes'])} exit statuses were compared.")
    print("\n".join(different) or "All are the same.")
    return bool(different)


def _difference(one: Any, other: Any) -> str:
    if isinstance(one, int) or isinstance(other, int):
        return f"exit {one} became {other}"
    one, other = one or {}, other or {}
    return ", ".join(f"{file} DIFFERS" for file in one | other if one.get(file) != other.get(file))


if __name__ == "__main__":
    main()
