"""Named errors. Each message is one line: what was wrong, where, what is allowed, what to do."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES, EDQUOT, EFBIG, EISDIR, ENOENT, ENOSPC, ENOTDIR, EPERM, EROFS


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


FILES = {EACCES, EDQUOT, EFBIG, EISDIR, ENOENT, ENOSPC, ENOTDIR, EPERM, EROFS}
"""What a full disk, a folder that cannot be written or a wrong path makes the system say."""


@contextmanager
def one_line_errors(program: str = "balent") -> Iterator[None]:
    """Turn a BalentError, or what the system says of a file, into one line and exit status 2."""
    try:
        yield
    except BalentError as error:
        print(f"{program}: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except (BrokenPipeError, InterruptedError):
        raise
    except OSError as error:
        if error.errno not in FILES:
            raise
        where = error.filename2 or error.filename or "a file or standard output"
        print(f"{program}: {where}: {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from None
