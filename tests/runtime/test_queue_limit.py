"""How many spans or log lines may wait to be sent, and how the others are counted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from runtime.queue_limit import BATCH, QueueLimit


class Counted:
    """A limit, and what it has counted."""

    def __init__(self, queue: int) -> None:
        self.counts = {"sent": 0, "failed": 0, "dropped": 0}
        self.limit = QueueLimit(queue, self.count)

    def count(self, outcome: str, number: int) -> None:
        self.counts[outcome] += number


def test_there_is_room_again_when_some_are_taken_to_be_sent():
    counted = Counted(3)
    limit = counted.limit
    assert [limit.accept() for _ in range(5)] == [True, True, True, False, False]
    during: list[tuple[int, bool]] = []

    def export(batch: Sequence[str]) -> str:
        during.append((limit.waiting(), limit.accept()))
        return "ok"

    assert limit.export(export, ["a", "b"], "ok") == "ok"
    assert during == [(3, True)]  # what is being sent still waits
    assert limit.waiting() == 2
    assert counted.counts == {"sent": 2, "failed": 0, "dropped": 2}


def test_a_batch_that_is_refused_or_raises_has_failed():
    counted = Counted(3)
    limit = counted.limit
    for _ in range(3):
        assert limit.accept()
    assert limit.export(lambda batch: "refused", ["a"], "ok") == "refused"

    def export(batch: Sequence[str]) -> str:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        limit.export(export, ["b", "c"], "ok")
    assert counted.counts == {"sent": 0, "failed": 3, "dropped": 0}
    assert limit.waiting() == 0


@pytest.mark.parametrize(("queue", "batch"), [(100, 100), (10_000, BATCH)])
def test_the_librarys_own_queue_is_never_full(queue: int, batch: int):
    options = Counted(queue).limit.options
    assert options["max_export_batch_size"] == batch
    assert options["max_queue_size"] > queue
