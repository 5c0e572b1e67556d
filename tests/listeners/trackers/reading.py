"""What a library has of tracked runs, by its own reader: `python -m ... NAME STORE`, as JSON.

In a process of its own, like the tracker: importing these libraries warns of this and that.
"""

import hashlib
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any


def _tensorboard(store: Path) -> list[dict[str, Any]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    runs = []
    for folder in sorted((store / "tensorboard").iterdir()):
        events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0}).Reload()
        content = events.PluginTagToContent("hparams")[metadata.SESSION_START_INFO_TAG]
        settings = metadata.parse_session_start_info_plugin_data(content).hparams
        names = events.Tags()
        scalars = {n: [(e.step, e.value) for e in events.Scalars(n)] for n in names["scalars"]}
        runs.append(
            {
                "settings": {
                    name: getattr(own, str(own.WhichOneof("kind")))
                    for name, own in settings.items()
                },
                "scalars": scalars,
                "pictures": {
                    n: [(e.step, e.width, e.height) for e in events.Images(n)]
                    for n in names["images"]
                },
            }
        )
    return runs


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _mlflow(store: Path) -> list[dict[str, Any]]:
    client = import_module("mlflow").MlflowClient(
        tracking_uri=f"sqlite:///{store.resolve() / 'mlflow.db'}"
    )
    experiment = client.get_experiment_by_name("cl-anomaly")
    assert experiment
    runs = []
    for own in client.search_runs([experiment.experiment_id]):
        key = own.info.run_id
        scalars = {
            name: [(value.step, value.value) for value in client.get_metric_history(key, name)]
            for name in own.data.metrics
        }
        pictures = {
            Path(folder.path).name: [
                (int(Path(file.path).stem), 0, 0)
                for file in client.list_artifacts(key, folder.path)
            ]
            for folder in client.list_artifacts(key, "pictures")
        }
        files = {
            Path(file.path).name: _sha256(Path(client.download_artifacts(key, file.path)))
            for file in client.list_artifacts(key, "run")
        }
        runs.append(
            {
                "settings": dict(own.data.params),
                "scalars": {name: sorted(values) for name, values in scalars.items()},
                "pictures": pictures,
                "files": files,
                "status": own.info.status,
            }
        )
    return runs


def _trackio(store: Path) -> list[dict[str, Any]]:
    os.environ["TRACKIO_DIR"] = str(store / "trackio")
    trackio = import_module("trackio")
    storage = import_module("trackio.sqlite_storage").SQLiteStorage
    runs = []
    for own in trackio.Api().runs("cl-anomaly"):
        scalars: dict[str, list[Any]] = {}
        pictures: dict[str, list[Any]] = {}
        for row in storage.get_logs("cl-anomaly", own.name):
            for name in row.keys() - {"step", "timestamp"}:
                value = row[name]
                if isinstance(value, dict):
                    assert (store / "trackio" / "media" / value["file_path"]).is_file()
                    pictures.setdefault(name, []).append((row["step"], 0, 0))
                else:
                    scalars.setdefault(name, []).append((row["step"], value))
        artefacts = storage.get_run_artifacts("cl-anomaly", own.name, own.id)["output"]
        manifests = [
            storage.get_artifact_manifest("cl-anomaly", kept["name"], "latest")
            for kept in artefacts
        ]
        files = {
            entry["path"]: entry["digest"].removeprefix("sha256:")
            for found in manifests
            for entry in (found or {})["manifest"]
        }
        runs.append(
            {
                "settings": {k: v for k, v in (own.config or {}).items() if k[0] != "_"},
                "scalars": scalars,
                "pictures": pictures,
                "files": files,
            }
        )
    return runs


if __name__ == "__main__":
    _READERS = {"tensorboard": _tensorboard, "mlflow": _mlflow, "trackio": _trackio}
    print(json.dumps(_READERS[sys.argv[1]](Path(sys.argv[2])), default=str))
