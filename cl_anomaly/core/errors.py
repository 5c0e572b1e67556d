"""What can go wrong, for the person who has to mend it."""

import signal
import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager


class CLAnomalyError(Exception):
    """An error whose message is meant to be read: the command prints it without a traceback."""

    exit_code = 1


class InputError(CLAnomalyError):
    """A setting, file or dataset is not what was expected. Raised before training starts.

    Args:
        message: the whole sentence, if it is about no setting.
        setting: which setting is at fault; each surface writes its name in its own way.
        expected: follows its name, such as "to be a whole number"; in "no {} with --kind cd", the
            name stands in the braces.
        got: follows "but got", such as "'abc'".
        but: follows "but" in place of that, such as "the scenario is joint".
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
        """Write the sentence as Python names settings."""
        return self.written(str)

    def written(self, name: Callable[[str], str]) -> str:
        """Write the sentence for a surface.

        Args:
            name: turns a setting's name into the surface's, such as `--task-order`.
        """
        return (f"{self.where}: " if self.where else "") + self._sentence(name)

    def _sentence(self, name: Callable[[str], str]) -> str:
        hint = f" {self.hint}" if self.hint else ""
        if not self.setting:
            return f"{self.message}{hint}"
        comma = "" if self.expected.startswith(",") else " "
        expected = self.expected if "{}" in self.expected else f"{{}}{comma}{self.expected}"
        expected = expected.replace("{}", f"`{name(self.setting)}`", 1)
        return f"Expected {expected}, but {self.but}.{hint}"


class UnknownSetting(InputError):
    """There is no setting of that name.

    Args:
        setting: the name.
        expected: what there is, such as "settings of a run".
        like: the setting that was probably meant.
        hint: what to do, as sentences.
    """

    def __init__(
        self, setting: str, *, expected: str = "", like: str | None = None, hint: str = ""
    ) -> None:
        self.like = like
        super().__init__(setting=setting, expected=expected, hint=hint)
        self.args = (setting,)  # from which another process makes it anew

    def _sentence(self, name: Callable[[str], str]) -> str:
        like = f" Did you mean `{name(self.like)}`?" if self.like else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"Expected {self.expected}, but got `{name(self.setting)}`.{like}{hint}"


class RunError(CLAnomalyError):
    """A run failed after it had started."""


class Interrupted(CLAnomalyError):
    """A signal has asked a run to end; what it had done was saved.

    Args:
        message: where the run was.
        number: of the signal.
        cannot_keep: why what it had done could not be saved, where that is so.

    Attributes:
        signal: its number.
        cannot_keep: as it was given.
    """

    def __init__(
        self, message: str, number: int = signal.SIGINT, cannot_keep: str | None = None
    ) -> None:
        super().__init__(message)
        self.signal, self.cannot_keep = number, cannot_keep
        # What shells say of a process that a signal ended. SLURM's SIGUSR1 announces a SIGTERM.
        self.exit_code = 128 + (signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)


@contextmanager
def within(where: str) -> Iterator[None]:
    """Let an `InputError` begin with which of several runs is at fault, such as "Run 'lower'"."""
    try:
        yield
    except InputError as error:
        error.where = where
        raise


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn errors that nobody has explained into a sentence: what failed, why, and in which line.

    Args:
        doing: when it happened, such as "in task 3".

    Raises:
        RunError: in place of any other error.
    """
    try:
        yield
    except CLAnomalyError:
        raise
    except (Exception, SystemExit) as error:  # as of a strategy that wants to end the program
        raise RunError(f"{doing}: {reason(error)}") from error


def reason(error: BaseException, own_files: Collection[str] | None = None) -> str:
    """Describe why something failed, and in which line.

    Args:
        error: that was raised.
        own_files: where the person's own code is: the line is the last one of these, and none where
            none of these was reached. Default: the last line of all.
    """
    # PyTorch's error on a processor is a RuntimeError like any other.
    words = ("out of memory", "allocate memory", "bad_alloc")
    if isinstance(error, MemoryError) or any(word in str(error) for word in words):
        return (
            "there is not enough memory. Use fewer seeds, a smaller batch or a smaller model "
            f"({str(error).strip().splitlines()[0] if str(error).strip() else 'MemoryError'})."
        )
    frames = traceback.extract_tb(error.__traceback__)
    own = [place for place in frames if own_files is None or place.filename in own_files]
    where = f" ({own[-1].filename}, line {own[-1].lineno}, in {own[-1].name})" if own else ""
    return f"{type(error).__name__}: {error}{where}"
