"""How fast: `python benchmarks/speed [MEASURE ...]` prints a table and writes a JSON file."""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from avalanche_naive import avalanche
from detecting import detecting
from evaluating import evaluation
from growth import growth
from many_runs import many_runs
from products import products
from report import Row
from rich.console import Console
from rich.table import Table
from training import curve, fisher, one_replica, share_of_gemm, ten_replicas
from whole_process import figure, memory, start, usual_script, workers

from cl_anomaly.core.machine import (
    available_cores,
    choose_device,
    describe_environment,
)
from cl_anomaly.core.products import set_up_processor
from cl_anomaly.plan.build import resolve
from cl_anomaly.settings.run_config import RunConfig

COLUMNS = ("what", "measured", "target", "from")

Measure = Callable[[RunConfig, int], Iterator[Row]]

# Each with the number of repetitions whose median is taken: those of minutes get fewer.
MEASURES: dict[str, tuple[Measure, int]] = {
    "products": (products, 5),
    "one-replica": (one_replica, 5),
    "ten-replicas": (ten_replicas, 3),
    "gemm": (share_of_gemm, 3),
    "evaluation": (evaluation, 7),
    "fisher": (fisher, 7),
    "detecting": (detecting, 3),
    "growth": (growth, 3),
    "start": (start, 3),
    "workers": (workers, 2),
    "many-runs": (many_runs, 3),
    "memory": (memory, 1),
    "curve": (curve, 2),
    "avalanche": (avalanche, 3),
    "usual-script": (usual_script, 1),
}
if torch.cuda.is_available():
    MEASURES["figure"] = (figure, 1)


def main() -> None:
    arguments = _arguments()
    set_up_processor()
    config = resolve(
        RunConfig(
            dataset=arguments.dataset,
            data_root=arguments.data_root,
            strategy="lower",
            epochs=arguments.epochs,
        )
    )
    rows: dict[str, list[Row]] = {}
    for name in arguments.measures or MEASURES:
        measure, repeats = MEASURES[name]
        rows[name] = []
        for row in measure(config, arguments.repeats or repeats):
            rows[name].append(row)
            print(f"{row.what}: {row.value:.2f} ({row.detail})", flush=True)
        # At once: half an hour of figures must not hang on the last of them.
        _write({name: rows[name]}, arguments.out)
    print(f"written: {arguments.out}")
    _show([row for measured in rows.values() for row in measured])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python benchmarks/speed", description=__doc__)
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=", ".join(MEASURES))
    parser.add_argument("--dataset", help="mnist where it is at hand, otherwise digits")
    parser.add_argument("--data-root", help="where MNIST is")
    parser.add_argument("--repeats", type=int, help="of every measurement")
    parser.add_argument("--epochs", type=int, default=10, help="of the usual script's comparison")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("results/speed.json"),
        help="JSON file, with a table beside it; what is measured again replaces what is there",
    )
    arguments = parser.parse_args()
    unknown = set(arguments.measures) - set(MEASURES)
    if unknown:
        parser.error(f"expected measures among {', '.join(MEASURES)}, but got {unknown}")
    return arguments


def _cells(row: Row) -> tuple[str, str, str, str]:
    missed = " (missed)" if row.met is False else ""
    return row.what, f"{row.value:,.2f}{missed}", row.target, row.detail


def _show(rows: list[Row]) -> None:
    table = Table(*COLUMNS, title="How fast")
    for row in rows:
        table.add_row(*_cells(row))
    Console().print(table)


def _write(rows: dict[str, list[Row]], out: Path) -> None:
    machine = describe_environment(choose_device("auto"), torch.float32)
    machine |= {"cores": available_cores()}
    # Those of the ways that each measure takes.
    del machine["precision"], machine["matrix_products"]
    measures = json.loads(out.read_text())["measures"] if out.exists() else {}
    for name, measured in rows.items():
        measures[name] = [asdict(row) for row in measured]
    out.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine, "measures": measures}
    out.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    lines = [COLUMNS, ["---"] * len(COLUMNS)]
    lines += [_cells(Row(**row)) for name in MEASURES for row in measures.get(name, [])]
    markdown = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    out.with_suffix(".md").write_text(markdown, encoding="utf-8")


if __name__ == "__main__":
    main()
