"""What a new user does, with each Python: `nox`, or `nox -s wheel-3.13` for one of them.

Each session has an empty environment. A Python that the machine lacks is left out, and named so.
"""

from pathlib import Path

import nox

PYTHONS = ("3.11", "3.12", "3.13")

nox.options.sessions = ["wheel"]
nox.options.error_on_missing_interpreters = False


def _built_wheel(session: nox.Session) -> Path:
    out = Path(session.create_tmp()) / "dist"
    session.install("build")
    # The wheel comes from the source distribution, so both are tried.
    session.run("python", "-m", "build", "--outdir", str(out), silent=True)
    return max(out.glob("*.whl"))


@nox.session(python=PYTHONS)
def wheel(session: nox.Session) -> None:
    """The wheel alone, in an empty folder: README's main job, and a suite by its name."""
    wheel = _built_wheel(session)
    session.install(str(wheel))
    with session.chdir(session.create_tmp()):
        session.run("cl-anomaly", "run", "--strategy", "gr", *session.posargs)
        few = ("--only", "lower,gaussians", "--epochs", "1", "--quiet")
        session.run("cl-anomaly", "bench", "digits", *few)


@nox.session(python=PYTHONS)
def readme(session: nox.Session) -> None:
    """README's two commands, with the dependencies of the wheel: `nox -s readme -- tests/data`."""
    wheel = _built_wheel(session)
    session.install(f"{wheel}[test]")
    with session.chdir(session.create_tmp()):
        session.run("cl-anomaly", "run", "--strategy", "gr")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(python="3.12")
def trackers(session: nox.Session) -> None:
    """What is written for MLflow and Trackio, which take minutes to install."""
    session.install("-e", ".[test,mlflow,trackio]")
    session.run("python", "-m", "pytest", "-n", "0", "-m", "trackers", *session.posargs)
