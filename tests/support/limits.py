"""Runs whose files become too large: `python -m tests.support.limits OUT ARGUMENTS...`.

For each limit, a child process runs the command under it with the results in OUT/LIMIT. Forked
after a run, so that no child imports anything again. Prints, as JSON, each child's exit code and
what it said.
"""

import json
import os
import resource
import sys
import tempfile
import traceback
from pathlib import Path

from cl_anomaly.cli.main import main

LIMITS = (0, 300, 3000, 30_000)


def _child(most: int, arguments: list[str]) -> int:
    # The operating system's own limit, which hits every file that is written.
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    try:
        main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    except BaseException:
        traceback.print_exc()
        return 99
    return 0


def _limited(most: int, arguments: list[str]) -> tuple[int, str]:
    receiver, sender = os.pipe()
    if (child := os.fork()) == 0:
        os.dup2(sender, 2)
        os.close(receiver)
        code = _child(most, arguments)
        sys.stderr.flush()
        os._exit(code)
    os.close(sender)
    with open(receiver, encoding="utf-8") as pipe:
        said = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main([*sys.argv[2:], "--out", folder])
    found = {
        most: _limited(most, [*sys.argv[2:], "--out", str(Path(sys.argv[1], str(most)))])
        for most in LIMITS
    }
    print(json.dumps(found))
