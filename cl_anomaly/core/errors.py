"""Errors whose messages people read and act on."""

import re
import signal
import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

# In what is expected: `{}` for the setting at fault, and another one by its name.
_NAMES = re.compile(r"\{([a-z_]*)\}")


class CLAnomalyError(Exception):
    """An error that the command prints without a traceback."""

    exit_code = 1


class InputError(CLAnomalyError):
    """A setting, file or dataset is not what was expected. Raised before training starts.

    Args:
        message: the whole sentence, if it is about no setting.
        setting: the setting at fault; each surface writes its name in its own way.
        expected: follows the name ("to be a whole number"), or has braces in its place
            ("no {} with {stream} concept-aware").
        got: follows "but got", such as "'abc'".
        but: replaces "got ...", such as "the scenario is joint".
        hint: what to do, as sentences.

    Attributes:
        where: what the sentence begins with, such as "Run 'lower'"; see `within`.
    """

    exit_code = 2
    where = ""

    def __init__(
        self,
        message: str = "",
        *,
        setting: str = "",
        expected: str = "",
        got: object = "",
        but: str = "",
        hint: str = "",
    ) -> None:
        self.message, self.setting, self.expected = message, setting, expected
        self.but, self.hint = but or f"got {got}", hint
        super().__init__(message)

    def __str__(self) -> str:
        """Return the sentence with Python's names of settings."""
        return self.written(str)

    def written(self, name: Callable[[str], str]) -> str:
        """Return the sentence; `name` turns a setting into the surface's, such as `--blur`."""
        return (f"{self.where}: " if self.where else "") + self._sentence(name)

    def _sentence(self, name: Callable[[str], str]) -> str:
        hint = f" {self.hint}" if self.hint else ""
        if not self.setting:
            return f"{self.message}{hint}"
        comma = "" if self.expected.startswith(",") else " "
        expected = self.expected if "{}" in self.expected else f"{{}}{comma}{self.expected}"
        expected = _NAMES.sub(lambda found: f"`{name(found[1] or self.setting)}`", expected)
        return f"Expected {expected}, but {self.but}.{hint}"


class UnknownSetting(InputError):
    """No setting has this name; `like` is the one that was probably meant."""

    def __init__(
        self, setting: str, *, expected: str = "", like: str | None = None, hint: str = ""
    ) -> None:
        self.like = like
        super().__init__(setting=setting, expected=expected, hint=hint)
        self.args = (setting,)  # pickle passes these to `__init__`

    def _sentence(self, name: Callable[[str], str]) -> str:
        like = f" Did you mean `{name(self.like)}`?" if self.like else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"Expected {self.expected}, but got `{name(self.setting)}`.{like}{hint}"


class RunError(CLAnomalyError):
    """A run failed after it had started."""


class Interrupted(CLAnomalyError):
    """A signal ended a run, after it saved its state.

    Attributes:
        signal: the signal's number.
        cannot_keep: why the state could not be saved, or None.
    """

    def __init__(
        self, message: str, number: int = signal.SIGINT, cannot_keep: str | None = None
    ) -> None:
        super().__init__(message)
        self.signal, self.cannot_keep = number, cannot_keep
        # As shells report a process that a signal ended. SLURM's SIGUSR1 announces a SIGTERM.
        self.exit_code = 128 + (signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)


@contextmanager
def within(where: str) -> Iterator[None]:
    """Prefix an `InputError` with the name of the run at fault, such as "Run 'lower'"."""
    try:
        yield
    except InputError as error:
        error.where = where
        raise


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Raise RunError in place of unexplained errors: when it happened, why, and in which line.

    Args:
        doing: when, such as "in task 3".
    """
    try:
        yield
    except CLAnomalyError:
        raise
    except (Exception, SystemExit) as error:  # a strategy may call `exit`
        raise RunError(f"{doing}: {reason(error)}") from error


def reason(error: BaseException, own_files: Collection[str] | None = None) -> str:
    """Describe why something failed, and in which line.

    Args:
        own_files: the line is the last one in these files, if any. Default: in any file.
    """
    # On a processor, PyTorch raises a plain RuntimeError.
    words = ("out of memory", "allocate memory", "bad_alloc")
    if isinstance(error, MemoryError) or any(word in str(error) for word in words):
        detail = str(error).strip().partition("\n")[0] or "MemoryError"
        return (
            "there is not enough memory. Use fewer seeds, a smaller batch or a smaller model "
            f"({detail})."
        )
    frames = traceback.extract_tb(error.__traceback__)
    own = [place for place in frames if own_files is None or place.filename in own_files]
    where = f" ({own[-1].filename}, line {own[-1].lineno}, in {own[-1].name})" if own else ""
    return f"{type(error).__name__}: {error}{where}"
