"""Work in smaller runs on a device that runs out of memory."""

import logging

import pytest
import torch

from balent.errors import MemoryBudgetError
from balent.posterior.memory import in_runs


class Device:
    """A device that has room for ``room`` tiles, and remembers what was asked of it."""

    def __init__(self, room):
        self.room, self.asked, self.done = room, [], []

    def work(self, first, last):
        self.asked.append((first, last))
        if last - first > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.done += range(first, last)


@pytest.mark.parametrize(
    ("count", "held", "room", "asked"),
    [
        (5, 2, 2, [(0, 2), (2, 4), (4, 5)]),
        (3, 100, 3, [(0, 3)]),
        (7, 100, 3, [(0, 7), (0, 3), (3, 6), (6, 7)]),
        (5, 4, 1, [(0, 4), (0, 2), (0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]),
        (0, 4, 0, []),
    ],
)
def test_runs_halve_until_they_fit_and_stay_so(count, held, room, asked):
    device = Device(room)
    in_runs(count, held, device.work, "7 MiB")
    assert device.asked == asked
    assert device.done == list(range(count))


def test_every_level_is_said_once(caplog):
    in_runs(12, 8, Device(2).work, "7 MiB")
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "with 8 tiles held: going on with 4, with the same results" in messages[0]
    assert "with 4 tiles held: going on with 2" in messages[1]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_no_room_for_one_tile_is_an_error_that_says_what_it_takes():
    device = Device(0)
    with pytest.raises(MemoryBudgetError) as caught:
        in_runs(3, 2, device.work, "7 MiB")
    assert "with one tile held, which takes 7 MiB beside data and results" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert device.asked == [(0, 2), (0, 1)]


def test_another_error_is_not_taken_for_lack_of_memory():
    def work(first, last):
        raise RuntimeError("device-side assert")

    with pytest.raises(RuntimeError, match="device-side assert"):
        in_runs(3, 2, work, "7 MiB")
