"""Whether a change of the code left the results of runs as they were, byte for byte.

Run it on both commits: `python benchmarks/same_bytes.py --out BEFORE` on the one, then
`python benchmarks/same_bytes.py --out AFTER --against BEFORE` on the other. MNIST is looked for as
every run does.
"""

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path

FILES = ("metrics.csv", "scores.npz", "model.safetensors")

_DIGITS = "--dataset digits --seeds 3 --task-order random --epochs 5 --device cpu"
_STRATEGIES = ("lower", "upper", "gr", "ewc", "avalanche:EWC --strategy.ewc-lambda 500")
COMMANDS = {
    f"{strategy.split()[0]} {precision}": f"--strategy {strategy} --precision {precision} {_DIGITS}"
    for strategy in _STRATEGIES
    for precision in ("float32", "bfloat16")
} | {"gr mnist": "--strategy gr --dataset mnist --seeds 2 --epochs 1 --device cpu"}


def main() -> None:
    arguments = _arguments()
    different = False
    for name, flags in COMMANDS.items():
        folder = _performed(name, flags, arguments.out)
        found = _digests(folder)
        expected = _digests(_folder(arguments.against, name)) if arguments.against else found
        said = [
            f"{file} {'is the same' if found[file] == expected[file] else 'DIFFERS'}"
            for file in found
        ]
        different |= found != expected
        print(f"{name}: {', '.join(said) or 'refused on this processor'}", flush=True)
    sys.exit(different)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--against", type=Path, help="folder with the runs of the other commit")
    return parser.parse_args()


def _folder(out: Path, name: str) -> Path:
    return out / name.replace(" ", "-").replace(":", "-")


def _performed(name: str, flags: str, out: Path) -> Path:
    folder = _folder(out, name)
    command = [sys.executable, "-m", "cl_anomaly", "run", *flags.split(), "--quiet"]
    done = subprocess.run(  # noqa: S603
        [*command, "--out", str(out), "--name", folder.name], capture_output=True, text=True
    )
    if done.returncode and "bfloat16" not in done.stderr:
        sys.exit(f"{name} failed:\n{done.stderr}")
    return folder


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file; of none where the processor does not multiply in the precision."""
    files = [folder / file for file in FILES if (folder / file).exists()]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


if __name__ == "__main__":
    main()
