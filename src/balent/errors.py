"""Named errors. Each message is one line: what was wrong, where, what is allowed, what to do."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class BalentError(Exception):
    """Base of every error that a user can cause and mend."""


class ConfigError(BalentError):
    """The configuration does not describe something that can run."""


class DataError(BalentError):
    """A data file is absent, unreadable or not what it claims to be."""


class MethodError(BalentError):
    """An unknown acquisition function, or options or inputs that do not fit it."""


class InputError(BalentError):
    """An argument's shape, type or values are not allowed."""


class MemoryBudgetError(BalentError):
    """The memory budget is below the smallest unit of work."""


@contextmanager
def one_line_errors(program: str = "balent") -> Iterator[None]:
    """Turn a BalentError into one line on standard error and exit status 2."""
    try:
        yield
    except BalentError as error:
        print(f"{program}: {error}", file=sys.stderr)
        raise SystemExit(2) from None
