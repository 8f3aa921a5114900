"""What the sources of the workers beside the monitor share: how a partition is read, paced, saved and ended."""

from collections.abc import Sequence
from datetime import datetime
from typing import Generic, TypeVar

import msgspec
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from operators.connectors.reader import Reader
from operators.connectors.stop import Stop
from operators.policy.policy import Policy
from operators.sources.monitor import Input, InputWatch, OpenedPlace, opened
from operators.sources.pace import Pace, stepped_back
from operators.sources.polling import ALWAYS_DUE, Polling

Item = TypeVar("Item")
Place = TypeVar("Place", bound=OpenedPlace)


class BesideSource(FixedPartitionedSource[Item, bytes | None]):
    """One partition per input.

    In a bounded run (`recover` false) nothing is saved, and what goes wrong stops it in order; else it is raised, so
    that the epoch does not commit. `epoch_s` is given where several workers wait for each other. Of `watch` what is
    told of batches is not used.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        policy: Policy,
        *,
        stop: Stop,
        watch: InputWatch,
        recover: bool,
        epoch_s: float,
        polling: Polling | None = None,
    ) -> None:
        self.inputs = {each.name: each for each in inputs}
        self.policy, self.stop, self.watch, self.recover, self.epoch_s = policy, stop, watch, recover, epoch_s
        self.polling = polling or Polling(several=epoch_s > 0)

    def list_parts(self) -> list[str]:
        self.watch.begun()
        return list(self.inputs)


class BesidePart(StatefulSourcePartition[Item, bytes | None], Generic[Item, Place]):
    """One partition: a kind says what its `_work` is, notes in `_saved` where to go on, and when it has `_ended`."""

    def __init__(self, source: BesideSource[Item], each: Input, saved: Place | None) -> None:
        self._beside, self._input, self._saved = source, each, saved
        self._pace = Pace(source.polling, source.epoch_s)
        self._reader: Reader | None = None
        self._ended = False

    def _work(self, reader: Reader) -> list[Item]:
        """Return what some messages come to."""
        raise NotImplementedError

    def next_batch(self) -> list[Item]:
        source = self._beside
        if self._ended or source.stop.requested or (source.recover and self._stepped_back()):
            raise StopIteration
        try:
            items = self._pace.stretch(self._worked, lambda: self._ended)
        except OSError as error:
            if source.recover:
                raise
            source.stop.fail(error)
            return []
        self._pace.rest(worked=bool(items))
        return items

    def _stepped_back(self) -> bool:
        return stepped_back(self._beside.polling, self._beside.stop, self._beside.watch.stepped_back)

    def _worked(self) -> list[Item]:
        if self._reader is None:
            self._reader = opened(self._input, self._saved)
            self._beside.watch.opened(self._input.name, self._reader)
        return self._work(self._reader)

    def next_awake(self) -> datetime | None:
        return ALWAYS_DUE

    def snapshot(self) -> bytes | None:
        """Return where to go on. The engine calls this when an epoch ends."""
        self._beside.watch.epoch_ended(self._input.name, self._pace.epoch_ended())
        return None if self._saved is None or not self._beside.recover else msgspec.msgpack.encode(self._saved)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
