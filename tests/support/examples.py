"""Examples that hypothesis makes up: the same ones every time, here and in CI."""

from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.support.command import Done

MANY, SOME, FEW = (
    settings(
        max_examples=count,
        derandomize=True,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    for count in (300, 120, 40)
)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """These bytes, cut off, made longer, or with a few of them changed."""
    changed = bytearray(content)
    places = st.integers(0, len(content) - 1)
    for place, value in draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=4)):
        changed[place] = value
    end = draw(st.just(len(content)) | places)
    return bytes(changed[:end]) + draw(st.just(b"") | st.binary(max_size=20))


def check_refused(done: Done, *words: str) -> None:
    """A command ended with a message that has one of these words, and wrote nothing to `out`."""
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err
    assert any(word in done.err for word in words)
    assert not Path("out").exists()
