"""Loading of large libraries."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Import large libraries without collecting garbage, of which they make none.

    Each import makes many objects that stay, and the collector looks at all of them again and
    again: a fifth of the time that a run takes beside its training. Afterwards it leaves them out.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            if not gc.get_freeze_count():
                gc.freeze()
            gc.enable()
