"""The evidence of a comparison with what a baseline had before (`historical.py`)."""

import math

from operators.release.historical import Past
from operators.release.model import PaneContext
from operators.release.state import ReleaseState
from operators.release.traffic import Counted
from operators.wire.control import Arm, Evidence


def historical_evidence(
    at: PaneContext, release: ReleaseState, sli: int, past: Past, usual: Counted, most: float, ways: float, why: str
) -> Evidence:
    """Return the proof that `past` is above `most`, with what `usual` was and `why` that is compared.

    In a share p of all releases chance would do as much, by any of the `ways` (their number).
    """
    good, bad = usual
    return Evidence(
        sli=at.policy.slis[sli].name,
        candidate=Arm.of(release.candidate, past.good, past.bad),
        baseline=Arm.of(release.baseline, good, bad),
        value=past.bad / (past.good + past.bad) - bad / (good + bad),
        threshold=most,
        log_e=past.peak,
        p_value=min(1.0, ways * math.exp(-past.peak)),
        since=past.since * at.policy.pane_ms,
        historical=True,
        reason=why,
    )
