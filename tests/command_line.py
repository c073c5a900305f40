"""What tests of the command ``balent`` share."""

import pytest

from balent.cli import main


def refused(capsys, *arguments: str) -> str:
    """The one line on standard error with which the command refuses its arguments, status 2."""
    with pytest.raises(SystemExit) as stop:
        main([*arguments])
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert error.count("\n") == 1
    return error


def refused_with(capsys, message: str, *arguments: str) -> None:
    """As ``refused``; the line holds the message."""
    assert message in refused(capsys, *arguments)
