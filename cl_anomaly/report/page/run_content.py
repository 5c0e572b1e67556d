"""Content of a report page, read from the folder of a run, a comparison or a suite.

A suite's runs of one method and dataset, which differ in their seeds or anomaly classes, are one
line of all their replicas. It is read from the suite's own folder: reading a thousand run folders
would take too long.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from cl_anomaly.core.json_files import read_json_or_empty
from cl_anomaly.data.dataset_names import short_name
from cl_anomaly.report.page.content import OWN_SCORE, Content, MadeRun, PageEntry
from cl_anomaly.report.page.detected import SampleImages
from cl_anomaly.report.page.sample_images import sample_images_of
from cl_anomaly.results.reading import read_results
from cl_anomaly.results.results import Results, short_names
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.results.table import ALL
from cl_anomaly.statistics.comparison import Comparison
from cl_anomaly.store.fingerprint import in_short
from cl_anomaly.store.provenance import CodeChanges
from cl_anomaly.store.status import (
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    SUMMARY_FILE,
    TIMING_FILE,
    Status,
    differences,
    find_runs,
    status_of,
)
from cl_anomaly.version import __version__

_MOST_WITH_IMAGES = 200
"""Runs of a page with images of test samples: reading a dataset takes PyTorch, and time."""
# Columns in which an empty cell is no number; elsewhere it is text, and a run may be called NA.
_NUMBERS = {name: [""] for name in ("mean", "sd", "low", "high")}


def read_content(folder: Path) -> Content:
    """Read all that a page shows; an entry without results says why, as far as it is known.

    Raises:
        InputError: the folder is no run, comparison or suite, is damaged, or is not finished.
    """
    folder = folder.resolve()
    results = read_results(folder)
    entries = _Entries(folder, results).all()
    scores = {entry.results.score for entry in entries if entry.results is not None}
    compared = {name: one for name, one in results.comparisons.items() if one is not None}
    overall = compared.pop(ALL, None)
    overall = overall if len(compared) > 1 else None
    table = results.table
    parts = {str(name): rows for name, rows in table.groupby("dataset", sort=False)}
    return Content(
        kind=results.kind,
        title=results.title,
        folder=folder.name,
        score=next(iter(scores)) if len(scores) == 1 else OWN_SCORE if scores else "",
        entries=tuple(entries),
        compared=compared,
        standings={name: rows for name, rows in parts.items() if name != ALL},
        overall=overall,
        overall_standings=table.iloc[:0] if overall is None else parts[ALL],
        remarks=tuple(_remarks(entries, compared)),
        version=__version__,
        sample_images=_sample_images(entries),
    )


class _Entries:
    """The lines of a page, from the runs of a folder that is shown."""

    def __init__(self, folder: Path, results: Results) -> None:
        self._folder, self._results = folder, results
        self._summary = _read_summary(folder / SUMMARY_FILE)
        self._codes = CodeChanges()

    def all(self) -> list[PageEntry]:
        lines: dict[tuple[str, str], list[RunFolder]] = {}
        for run in self._results.runs.values():
            lines.setdefault((run.method, run.dataset), []).append(run)
        return [self._entry(runs) for runs in lines.values()]

    def _entry(self, runs: Sequence[RunFolder]) -> PageEntry:
        finished, is_one = [run for run in runs if run.has_results], len(runs) == 1
        first = (finished or runs)[0]
        made = tuple(self._made(run, look=is_one) for run in runs)
        summary = pd.DataFrame()
        if finished:
            path = made[0].folder if is_one else None
            summary = _read_summary(path / SUMMARY_FILE) if path else summary
            summary = summary if len(summary) else self._summary_of(first)
        entry = PageEntry(
            name=first.name,
            line=first.method,
            dataset=first.dataset,
            config=first.settings,
            made=made,
            results=first if finished else None,
            summary=summary,
            chosen=self._results.chosen.get(first.method) or {},
        )
        return entry if is_one else self._of_several(runs, entry)

    def _of_several(self, runs: Sequence[RunFolder], first: PageEntry) -> PageEntry:
        """Put the runs of a method together, by the score that they show."""
        rows = self._results.metrics
        rows = rows[(rows["run"] == first.line) & (short_names(rows["dataset"]) == first.dataset)]
        seeds = [seed for run in runs for seed in run.settings.get("seeds") or []]
        several = len(self._results.datasets) > 1
        return replace(
            first,
            name=f"{first.line} · {first.dataset}" if several else first.line,
            config=first.config | {"seeds": list(dict.fromkeys(seeds))},
            results=first.results and first.results.but(metrics=rows.reset_index(drop=True)),
        )

    def _made(self, run: RunFolder, look: bool) -> MadeRun:
        """Describe how a run was made and what is missing; `look` for damage in its folder."""
        folder = run.folder or self._place_of(run)
        place = folder if folder and (folder / CONFIG_FILE).exists() else None
        environment = read_json_or_empty(place / ENVIRONMENT_FILE) if place else {}
        environment = environment or (run.environment if run.has_results else {})
        problems = run.failure.splitlines() if run.failure else _problems(run, place, look)
        timing = read_json_or_empty(place / TIMING_FILE) if place else {}
        return MadeRun(
            name=run.name,
            config=run.settings,
            environment=environment,
            problems=tuple(problems),
            code=self._codes.in_short(environment, run.settings) if place else None,
            finished=str(timing.get("finished") or ""),
            folder=place,
        )

    def _place_of(self, run: RunFolder) -> Path | None:
        """Find the folder of a run without results: the last of the same settings."""
        for status in reversed(self._beside if self._results.kind == "comparison" else []):
            known = status.config.keys() & run.settings.keys()
            there, here = ({k: c[k] for k in known} for c in (status.config, run.settings))
            if known and not differences(there, here):
                return status.folder
        return None

    @cached_property
    def _beside(self) -> list[Status]:
        return find_runs(self._folder.parent)

    def _summary_of(self, run: RunFolder) -> pd.DataFrame:
        """Return the summary's rows of a run or its method, on its dataset."""
        whole = self._summary
        if whole.empty:
            return whole
        paths = [path for path in whole["dataset"].unique() if short_name(path) == run.dataset]
        return whole[whole["run"].isin({run.name, run.method}) & whole["dataset"].isin(paths)]


def _problems(run: RunFolder, folder: Path | None, look: bool) -> list[str]:
    if folder is None:
        gone = "Its folder is missing: pictures, false-positive rates and failures are unknown."
        return [gone if run.has_results else "It has no results and no folder."]
    if run.has_results and not look:
        return []
    status = status_of(folder)
    if run.has_results:
        return status.why if status.name in ("failed", "damaged") else []
    return [f"It has no results: {status.name}.", *status.why]


def _read_summary(path: Path) -> pd.DataFrame:
    """Read a summary; empty if every seed has failed."""
    if not path.exists():
        return pd.DataFrame()
    columns = ("run", "strategy", "dataset", "anomaly_class", "anomaly_classes")
    text = dict.fromkeys(columns, str)
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=_NUMBERS)


def _sample_images(entries: Sequence[PageEntry]) -> dict[str, SampleImages]:
    """Read the test sets of entries with folders, each once, by SHA-256."""
    images: dict[str, SampleImages] = {}
    runs = sum(len(entry.made) for entry in entries)
    for entry in entries:
        run, folders = entry.results, entry.folders
        if run is None or not folders or not run.data or run.data in images:
            continue
        if runs > _MOST_WITH_IMAGES:
            why = f"{runs:,} runs are too many to wait for. The page of one of them shows them."
            images[run.data] = SampleImages(None, why)
        else:
            images[run.data] = sample_images_of(run.settings, run.data, folders[0])
    return images


def _remarks(entries: Sequence[PageEntry], compared: Mapping[str, Comparison]) -> list[str]:
    several = len(compared) > 1
    remarks = [
        f"{dataset}: {remark}" if several else remark
        for dataset, comparison in compared.items()
        for remark in comparison.remarks
    ]
    made = [run for entry in entries for run in entry.made]
    if other := {run.name: run.code for run in made if run.code}:
        why = "; ".join(dict.fromkeys(other.values()))
        remarks.append(f"Made by different code than this page: {in_short(list(other))} ({why}).")
    return remarks
