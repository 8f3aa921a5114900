"""What saving the state costs: bytes and time per epoch of five seconds, with and without a recovery store."""

import tempfile
import time
from datetime import timedelta

import numpy as np
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main

from flows import monitor, policy_files, settings
from operators import recovery, steps
from operators.connectors.stop import Stop
from operators.ingest.messages import Messages
from operators.policy.policy import Policy
from operators.sources.input import Input, InputWatch
from operators.sources.monitor import MonitorSource
from tests.bench.flows import Discard
from tests.bench.generate import lines

EPOCH_S = 5
PER_SERIES_AND_PANE = 10


class _EpochReader:
    """Each read is what comes in one epoch."""

    at_end = False

    def __init__(self, epochs: list[list[bytes]]) -> None:
        self._epochs = epochs
        self._at = 0

    @property
    def position(self) -> int:
        return self._at

    def read(self) -> Messages | None:
        if self._at == len(self._epochs):
            return None
        values = self._epochs[self._at]
        self._at += 1
        return Messages(values=values, positions=range(len(values)), received_ms=np.full(len(values), 2**41))

    def recheck(self) -> None: ...

    def close(self) -> None: ...


def cost(series: int, epochs: int) -> tuple[float, float]:
    """Return bytes and seconds that saving the state takes per epoch, after `epochs` of them."""
    per_epoch = series * PER_SERIES_AND_PANE * EPOCH_S // 10
    events = lines(per_epoch * epochs, series, per_epoch // EPOCH_S)
    batches = [events[start : start + per_epoch] for start in range(0, len(events), per_epoch)]
    policy = policy_files.load_policy(settings.Settings().policy)
    without = _run(policy, batches, None)
    sizes = [0]
    plain = recovery.dumps

    def counting(state: object, policy: Policy) -> bytes:
        saved = plain(state, policy)
        sizes[0] += len(saved)
        return saved

    steps.dumps = counting  # type: ignore[attr-defined]  # As the steps call it.
    try:
        with tempfile.TemporaryDirectory() as store:
            init_db_dir(store, 1)  # type: ignore[no-untyped-call]
            saving = _run(policy, batches, RecoveryConfig(store, timedelta(0)))  # type: ignore[no-untyped-call]
    finally:
        steps.dumps = plain  # type: ignore[attr-defined]
    return sizes[0] / epochs, (saving - without) / epochs


def _run(policy: Policy, batches: list[list[bytes]], store: object) -> float:
    inputs = [Input(name="events", stream="events", open=lambda _: _EpochReader(batches))]
    recover = store is not None
    source = MonitorSource(inputs, policy, stop=Stop(), watch=InputWatch(), recover=recover)
    flow = monitor.build(policy, source, Discard(), Discard(), Discard(), recover=recover)
    began = time.perf_counter()
    # With an interval of zero every batch is an epoch of its own.
    run_main(flow, epoch_interval=timedelta(0), recovery_config=store)  # type: ignore[no-untyped-call]
    return time.perf_counter() - began
