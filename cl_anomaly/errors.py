"""What can go wrong, for the person who has to mend it."""


class CLAnomalyError(Exception):
    """An error whose message is meant to be read: the command prints it without a traceback."""

    exit_code = 1


class InputError(CLAnomalyError):
    """A setting, file or dataset is not what was expected. Raised before training starts."""

    exit_code = 2


class RunError(CLAnomalyError):
    """A run failed after it had started."""
