"""What all sources of workers share: one partition per input, how it is read, paced, saved and ended."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Generic, TypeVar

import msgspec
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from operators.connectors.reader import Reader
from operators.connectors.stop import Stop
from operators.ingest.refused_share import TooManyRejects
from operators.policy.policy import Policy
from operators.sources.input import Input, InputWatch, OpenedPlace, opened
from operators.sources.pace import Pace, stepped_back
from operators.sources.polling import ALWAYS_DUE, Polling

Item = TypeVar("Item")
Place = TypeVar("Place", bound=OpenedPlace)


class InputSource(FixedPartitionedSource[Item, bytes | None]):
    """One partition per input.

    In a bounded run (`recover` false) nothing is saved, and a failure stops it in order; otherwise it is raised, so
    that the epoch does not commit. `epoch_s` is given where several workers wait for each other. `polling` keeps time.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        policy: Policy,
        *,
        stop: Stop,
        watch: InputWatch,
        recover: bool = False,
        epoch_s: float = 0.0,
        polling: Polling | None = None,
    ) -> None:
        self.inputs = {each.name: each for each in inputs}
        self.policy, self.stop, self.watch, self.recover, self.epoch_s = policy, stop, watch, recover, epoch_s
        self.polling = polling or Polling(several=epoch_s > 0)

    def list_parts(self) -> list[str]:
        self.watch.begun()
        return list(self.inputs)


class InputPart(StatefulSourcePartition[Item, bytes | None], Generic[Item, Place]):
    """One partition: a subclass has its `_work`, and notes in `_saved` where to continue and in `_ended` its end."""

    def __init__(self, source: InputSource[Item], each: Input, saved: Place | None) -> None:
        self._source, self._input, self._saved = source, each, saved
        self._pace = Pace(source.polling, source.epoch_s)
        self._reader: Reader | None = None
        self._ended = False

    @abstractmethod
    def _work(self) -> list[Item]:
        """Return the items of one read."""

    def _before(self) -> list[Item]:
        """Return the items to send on before anything is read."""
        return []

    def next_batch(self) -> list[Item]:
        source = self._source
        if self._ended or source.stop.requested or (source.recover and self._stepped_back()):
            raise StopIteration
        items = self._before()
        try:
            items += self._pace.stretch(self._work, lambda: self._ended)
        except (OSError, TooManyRejects) as error:
            if source.recover:
                raise
            source.stop.fail(error)
            return []
        self._pace.rest(worked=bool(items))
        return items

    def _stepped_back(self) -> bool:
        return stepped_back(self._source.polling, self._source.stop, self._source.watch.stepped_back)

    def _opened(self) -> Reader:
        """Return the reader; the first call opens it."""
        if self._reader is None:
            self._reader = opened(self._input, self._saved)
            self._source.watch.opened(self._input.name, self._reader)
        return self._reader

    def next_awake(self) -> datetime | None:
        return ALWAYS_DUE

    def snapshot(self) -> bytes | None:
        """Return where to continue. The engine calls this when an epoch ends."""
        self._source.watch.epoch_ended(self._input.name, self._pace.epoch_ended())
        return self._packed() if self._source.recover else None

    def _packed(self) -> bytes | None:
        return None if self._saved is None else msgspec.msgpack.encode(self._saved)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
