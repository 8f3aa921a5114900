"""A partition goes on with the leader epoch that its last message had, where that is known."""

from operators.ingest.messages import Messages
from operators.sources.monitor import MonitorSource
from tests.laws.partials import ANCHOR_MS, message
from tests.unit.test_source import Live, source_of

LINES = [message(ANCHOR_MS + number) for number in range(3)]


class OfEpochs(Live):
    """A reader of messages of which each was written under its own leader epoch, 5, 6, ...; `expected` it was told."""

    leader_epoch: int | None = None
    expected: int | None = None

    def read(self) -> Messages:
        messages = super().read()
        if len(messages):
            self.leader_epoch = 4 + self.position
        return messages

    def expect(self, leader_epoch: int) -> None:
        self.expected = leader_epoch


def _source(*readers: Live) -> MonitorSource:
    left = iter(readers)

    def opened(position: int | None) -> Live:
        reader = next(left)
        reader.position = position or 0
        return reader

    return source_of({"a": opened})


def test_the_epoch_of_the_last_message_is_expected_after_a_restart() -> None:
    again = OfEpochs(LINES)
    part = _source(OfEpochs(LINES)).build_part("", "a", None)
    part.next_batch()
    part.next_batch()
    after = _source(again).build_part("", "a", part.snapshot())
    after.next_batch()
    assert (again.expected, again.position, again.leader_epoch) == (6, 3, 7)


def test_nothing_is_expected_of_a_first_start() -> None:
    first = OfEpochs(LINES)
    _source(first).build_part("", "a", None).next_batch()
    assert first.expected is None


def test_nothing_is_expected_where_no_epoch_was_known() -> None:
    """As of a file, and of what was saved before epochs were."""
    again = OfEpochs(LINES)
    part = _source(Live(LINES)).build_part("", "a", None)
    part.next_batch()
    _source(again).build_part("", "a", part.snapshot()).next_batch()
    assert (again.expected, again.position) == (None, 2)
