"""Files are whole or absent, whatever fails; damage shows; one process writes at a time."""

import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cl_anomaly.core.errors import InputError, RunError
from cl_anomaly.core.json_files import read_json
from cl_anomaly.store import files as durable
from cl_anomaly.store.files import (
    DamagedError,
    check_files,
    is_complete,
    is_locked,
    locked,
    publish,
    read_sealed,
    remove_partial,
    replacing,
    write_sealed,
)
from tests.support.faults import failing

OLD, NEW = {"a": "old"}, {"a": "new"}


def _full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_is_the_old_or_the_new_one_wherever_writing_fails(tmp_path: Path) -> None:
    path, seen = tmp_path / "file.json", set()
    for number in itertools.count(1):
        write_sealed(path, OLD)
        calls: list[str] = []
        try:
            with failing(number, _full()) as calls:
                write_sealed(path, NEW)
        except RunError as error:
            assert f"Could not write {path}: No space left on device" in str(error)
            assert "What was written before is as it was" in str(error)
        else:
            break
        seen.add(calls[-1])
        # The folder's fsync comes after the rename: the new one is there, and may be lost again.
        assert read_sealed(path) in (OLD, NEW)
        assert [p.name for p in tmp_path.iterdir()] == ["file.json"]
    assert seen == {"write_text", "fsync", "replace"}
    assert read_sealed(path) == NEW


def test_a_folder_that_was_whole_stays_so_wherever_writing_fails(tmp_path: Path) -> None:
    def write(text: str) -> Callable[[Path], None]:
        def to(folder: Path) -> None:
            (folder / "one.txt").write_text(text)
            (folder / "two.txt").write_text(text)

        return to

    seen, folder = set(), tmp_path
    for number in itertools.count(1):
        folder = tmp_path / str(number)
        folder.mkdir()
        publish(folder, write("same"), complete=False)
        calls: list[str] = []
        try:
            with failing(number, _full()) as calls:
                publish(folder, write("same"), complete=True)
        except RunError as error:
            assert "No space left on device" in str(error)
        else:
            break
        seen.add(calls[-1])
        check_files(folder)
        assert {p.name for p in folder.iterdir()} == {"one.txt", "two.txt", "manifest.json"}
    assert seen == {"mkdir", "write_text", "fsync", "replace"}
    assert is_complete(folder)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    """What reaches the disk, and what is renamed to what, in their order."""
    made: list[tuple[str, Path]] = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor: int) -> None:
        made.append(("fsync", Path(os.readlink(f"/proc/self/fd/{descriptor}"))))
        fsync(descriptor)

    def note_replace(source: Path, target: Path) -> None:
        made.append((f"rename {source}", Path(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    return made


def test_the_content_reaches_the_disk_before_the_name(
    tmp_path: Path, calls: list[tuple[str, Path]]
) -> None:
    write_sealed(tmp_path / "file", NEW)
    (synced, partial), (renamed, target), last = calls
    assert partial.parent == tmp_path and partial.name.startswith(".file")
    assert (synced, renamed) == ("fsync", f"rename {partial}")
    assert target == tmp_path / "file"
    assert last == ("fsync", tmp_path)


def test_every_file_of_a_folder_reaches_the_disk_before_any_name_and_the_manifest_last(
    tmp_path: Path, calls: list[tuple[str, Path]]
) -> None:
    folder, names = tmp_path / "run", ["a.bin", "b.bin", "c.bin"]
    folder.mkdir()

    def write(partial: Path) -> None:
        for name in names:
            (partial / name).write_text(name)

    publish(folder, write, complete=True)
    partial = calls[0][1].parent
    assert partial.parent == folder and partial.name.endswith(".partial")
    assert calls[:7] == [
        *(("fsync", partial / name) for name in names),
        *((f"rename {partial / name}", folder / name) for name in names),
        ("fsync", folder),
    ]
    (synced, manifest), (renamed, target), *rest = calls[7:]
    assert (synced, renamed) == ("fsync", f"rename {manifest}")
    assert target == folder / "manifest.json"
    # The manifest's own name, and the folder's.
    assert rest == [("fsync", folder), ("fsync", tmp_path)]


def test_an_interrupt_leaves_what_was_there(tmp_path: Path) -> None:
    write_sealed(tmp_path / "file", OLD)
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "file") as partial:
        partial.write_text("half")
        raise KeyboardInterrupt
    assert read_sealed(tmp_path / "file") == OLD
    assert len(list(tmp_path.iterdir())) == 1


def _flips(content: bytes) -> Iterator[bytes]:
    for place, bit in itertools.product(range(len(content)), range(8)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        yield bytes(damaged)


def test_every_flipped_bit_of_sealed_json_shows(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_sealed(path, {"task": 3, "why": "é", "values": [1.5, None, True]})
    whole = path.read_bytes()
    for damaged in _flips(whole):
        path.write_bytes(damaged)
        with pytest.raises(DamagedError, match=str(path)):
            read_sealed(path)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedError):
            read_sealed(path)
    path.write_bytes(whole)
    assert read_sealed(path)["task"] == 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    def write(folder: Path) -> None:
        (folder / "a.bin").write_bytes(b"12345678")
        (folder / "b.bin").write_bytes(b"87654321")

    publish(tmp_path, write, complete=True)
    return tmp_path


def _swap(folder: Path) -> None:
    (folder / "a.bin").rename(folder / "c")
    (folder / "b.bin").rename(folder / "a.bin")
    (folder / "c").rename(folder / "b.bin")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda folder: (folder / "a.bin").write_bytes(b"12345679"), id="flipped"),
        pytest.param(lambda folder: (folder / "a.bin").write_bytes(b"1234567"), id="cut"),
        pytest.param(lambda folder: (folder / "a.bin").write_bytes(b"123456780"), id="longer"),
        pytest.param(lambda folder: (folder / "a.bin").write_bytes(b""), id="empty"),
        pytest.param(lambda folder: (folder / "a.bin").unlink(), id="missing"),
        pytest.param(_swap, id="swapped"),
    ],
)
def test_a_damaged_file_is_named(folder: Path, damage: Callable[[Path], None]) -> None:
    check_files(folder)
    damage(folder)
    with pytest.raises(DamagedError, match=f"{folder / 'a.bin'} is damaged"):
        check_files(folder)


def test_files_of_the_users_own_are_left_alone(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    check_files(folder)
    assert is_complete(folder)


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_sealed(path, {"complete": True})
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(DamagedError, match="is of format 2, and this version"):
        is_complete(tmp_path)


def test_what_a_killed_process_left_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / ".a.1234.partial").write_text("half")
    (tmp_path / ".5678.partial").mkdir()
    (tmp_path / ".5678.partial" / "file").write_text("half")
    (tmp_path / "mine.partial").write_text("mine")
    remove_partial(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.partial"]


HOLD = """
import sys, time
from pathlib import Path
from cl_anomaly.store.files import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_lock_keeps_others_out_and_ends_with_its_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdout
        try:
            assert process.stdout.readline() == b"held\n"
            assert is_locked(tmp_path)
            with (
                pytest.raises(RunError, match=f"Another process is writing {tmp_path}.*--again"),
                locked(tmp_path, seconds=0.1),
            ):
                pass
        finally:
            process.send_signal(signal.SIGKILL)
    assert not is_locked(tmp_path)
    with locked(tmp_path, seconds=0):
        assert is_locked(tmp_path)


def test_a_look_at_a_lock_does_not_turn_a_writer_away(tmp_path: Path) -> None:
    # As long as a look takes: the writer waits for it.
    with locked(tmp_path, seconds=0):
        pass
    assert not is_locked(tmp_path)
    assert durable._LOCK_SECONDS > 1
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("text", [None, "{", "[1]", "\udcff"], ids=["no", "cut", "list", "bytes"])
def test_json_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "file.json"
    if text is not None:
        path.write_bytes(text.encode(errors="surrogateescape"))
    for read, error in ((read_json, InputError), (read_sealed, DamagedError)):
        with pytest.raises(error, match=str(path)):
            read(path)


def test_a_manifest_from_elsewhere_names_what_is_missing(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(folder / "manifest.json", other)
    with pytest.raises(DamagedError, match=r"a.bin is damaged: No such file"):
        check_files(other)
    assert json.loads((other / "manifest.json").read_text())["complete"]
