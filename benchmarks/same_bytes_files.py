"""The files that the commands of `same_bytes.py` name."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

_TEXTS = {
    "own.py": '''from cl_anomaly.strategies import Strategy


class Own(Strategy):
    """Keep the model near where the last task left it."""

    def __init__(self, pull: float = 0.1) -> None:
        self.pull, self.last = pull, None

    def after_task(self, tasks):
        self.last = [w.detach().clone() for w in self.model.parameters()]

    def penalty(self, x):
        if self.last is None:
            return 0
        pairs = zip(self.model.parameters(), self.last)
        return self.pull * sum(((w - v) ** 2).flatten(1).sum(1) for w, v in pairs)

    def state_dict(self):
        return {str(n): w for n, w in enumerate(self.last or [])}

    def load_state_dict(self, state):
        self.last = [state[str(n)] for n in range(len(state))] or None
''',
    "broken.py": "class Own:\n",
    "bad.csv": "a,state\n1,idle\nx,busy\n",
    "bad.json": '{"epochs": 0}',
    "bad.jsonl": "[1, 2]\nbad\n",
    "bad.toml": "epochz = 3\n[runs.a]\n",
    "option.toml": '[runs.a]\nstrategy = "ewc"\nstrategy_options = { lamb = 3 }\n',
    "small.toml": 'dataset = "digits"\ndevice = "cpu"\nepochs = 1\nseeds = 2\ntask_order = [1, 2]\n'
    '[runs.gr]\nstrategy = "gr"\n[runs.lower]\nstrategy = "lower"\n',
    "chosen.toml": 'dataset = "digits"\ndevice = "cpu"\nepochs = 1\nseeds = 2\n'
    'classes_per_task = 3\nanomaly_class = [1, 5]\npairs = [["ewc", "lower"]]\n'
    '[runs.upper]\nstrategy = "upper"\n[runs.ewc]\nstrategy = "ewc"\n'
    '[runs.lower]\nstrategy = "lower"\n[each]\ntask_order = ["ascending", "random"]\n'
    "[tune]\nanomaly_class = [0, 4]\nseeds = [100]\n[tune.grid.ewc]\nlam = [10.0, 100.0, 1000.0]\n",
}


def write_files(folder: Path) -> None:
    """Write all files that the commands name; the same ones each time."""
    for name, text in _TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    random = np.random.default_rng(7)
    _write_tables(folder, random)
    _write_concepts(folder, random)
    _write_images(folder, random)
    samples = random.random((12, 8, 8)).astype(np.float32)
    np.save(folder / "x.npy", samples)
    feed = [json.dumps(sample.flatten().tolist()) for sample in samples]
    (folder / "x.jsonl").write_text("\n".join([*feed, ""]))


def _write_tables(folder: Path, random: np.random.Generator) -> None:
    labels = np.repeat(["idle", "busy", "full", "broken"], [150, 110, 70, 60])
    centres = np.repeat(random.normal(0, 3, (4, 6)), [150, 110, 70, 60], axis=0)
    x = centres + random.normal(size=centres.shape)
    unit = (x - x.min(0)) / (x.max(0) - x.min(0))
    for name, values in (("table.csv", x), ("unit.csv", unit)):
        rows = [[*(f"{value:.4f}" for value in row)] for row in values]
        lines = [",".join([*row, own]) for row, own in zip(rows, labels, strict=True)]
        (folder / name).write_text("\n".join(["a,b,c,d,e,f,state", *lines, ""]))
    arrays = {"x_train": x[::2], "y_train": labels[::2], "x_test": x[1::2], "y_test": labels[1::2]}
    np.savez(folder / "arrays.npz", **arrays)


def _write_concepts(folder: Path, random: np.random.Generator) -> None:
    arrays = {}
    for k in range(3):
        normal, anomalous = random.normal(k, 1, (30, 5)), random.normal(k, 4, (20, 5))
        arrays[f"train_x_{k}"] = random.normal(k, 1, (90, 5))
        arrays[f"test_x_{k}"] = np.concatenate([normal, anomalous])
        arrays[f"test_y_{k}"] = np.repeat([0, 1], [30, 20])
    np.savez(folder / "concepts.npz", **arrays)


def _write_images(folder: Path, random: np.random.Generator) -> None:
    places = [f"images/{part}/{own}" for part in ("train", "test") for own in ("ant", "bee", "cat")]
    places += ["mvtec/train/good", "mvtec/test/good", "mvtec/test/scratch"]
    for number, place in enumerate(places):
        (folder / place).mkdir(parents=True, exist_ok=True)
        for n in range(12):
            pixels = random.integers(0, 120, (16, 16)) + 40 * (number % 3)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / place / f"{n:02}.png")
