"""Every kind of control event, as somebody reads it who was woken by it: one sentence each, to be read as a whole."""

from typing import Any, get_args

import pytest

from operators.release.sentence import sentence
from operators.wire.control import Affected, Arm, ControlType, ErrorType, Evidence, Found
from operators.wire.mirrored import mirrored
from tests.control_samples import event

M = 60_000
SINCE = 1_763_700_000_000  # 2025-11-21 04:40:00Z.
SLO = Evidence(
    sli="ok", good=960, bad=40, value=0.96, lower=0.944, upper=0.973, threshold=0.99, window_ms=5 * M, confidence=0.99
)
BURN = Evidence(
    sli="ok", good=960, bad=40, value=0.04, lower=0.027, upper=0.056, threshold=0.0144, window_ms=60 * M,
    short_window_ms=5 * M, short_value=0.05, confidence=0.99,
)  # fmt: skip
HALF = Evidence(sli="ok", good=50, bad=50, value=0.5, lower=0.4, upper=0.6, threshold=0.95, window_ms=M)
CANARY = Evidence(
    sli="ok", candidate=Arm.of("v2", 12, 8), baseline=Arm.of("v1", 99, 1), value=0.39, lower=0.1, upper=0.6, log_e=7.0,
    p_value=0.001,
)  # fmt: skip
SLOW = Evidence(
    measure="latency_ms", candidate=Arm.of("v2", 60, 40), baseline=Arm.of("v1", 95, 5), limit=480.0,
    reason="bad: latency_ms above 480, the baseline's p95, and of the candidate above 528",
)  # fmt: skip
P95 = Evidence(
    measure="p95 of latency_ms", n=200, value=812.5, lower=700.0, upper=900.0, threshold=500.0, window_ms=5 * M
)
DRIFT = Evidence(
    measure="features.x", n=100, value=3.0, threshold=0.2, watermark=SINCE, reason="inputs: features.x is missing"
)
GONE = Evidence(window_ms=10 * M, since=SINCE, watermark=SINCE, reason="no events since")
WELL = Evidence(sli="ok", good=198, bad=2, value=0.01, threshold=0.205, log_e=4.0)
LEFT = Evidence(n=400, value=0.0, threshold=0.01, log_e=4.0)
SPLIT = Evidence(n=300, value=0.51, threshold=0.1, p_value=1e-5)
WHO = "ersion v2 of model m"


def slices(evidence: Evidence, *names: str) -> tuple[Affected, ...]:
    return tuple(Affected(slice=name, verdict="BAD", evidence=evidence) for name in names)


TABLE: list[tuple[dict[str, Any], str]] = [
    (
        {"kind": "alert", "rule": "slo", "evidence": SLO, "slices": slices(SLO, "*")},
        f"Rule slo fires on v{WHO} (ok: 40 of 1000 bad over 5m, 4 %, surely 2.7 to 5.6 %, where at most 1 % may be).",
    ),
    (
        {"kind": "alert", "rule": "budget", "evidence": BURN, "slices": slices(BURN, "*", "region=eu", "region=us")},
        f"Rule budget fires on v{WHO}, on all traffic (ok: 40 of 1000 bad over 1h and 5m, 4 %, surely 2.7 to 5.6 %, "
        "where at most 1.44 % may be); also in region=eu and 1 more slice.",
    ),
    (
        {"kind": "alert", "rule": "slo", "evidence": HALF, "slices": slices(HALF, "region=")},
        f'Rule slo fires on v{WHO}, in region="" (ok: 50 of 100 bad over 1m, 50 %, surely 40 to 60 %, where at most '
        "5 % may be).",
    ),
    (
        {"kind": "alert", "rule": "slow", "evidence": P95, "slices": slices(P95, "*"), "version": "*"},
        "Rule slow fires on model m (p95 of latency_ms: 812.5 over 5m, of 200 values, surely 700 to 900, where the "
        "limit is 500).",
    ),
    (
        {"kind": "alert", "rule": "drift", "evidence": DRIFT, "slices": slices(DRIFT, "*")},
        f"Rule drift fires on v{WHO} (inputs: features.x is missing).",
    ),
    (
        {"kind": "alert", "rule": "no-traffic", "evidence": GONE, "slices": slices(GONE, "*")},
        f"Rule no-traffic fires on v{WHO} (no events since 2025-11-21 04:40:00Z).",
    ),
    (
        {"kind": "alert", "rule": "slo", "state": "resolved", "evidence": SLO, "slices": slices(SLO, "region=eu")},
        f"Rule slo no longer fires on v{WHO} (ok: 40 of 1000 bad over 5m, 4 %, surely 2.7 to 5.6 %, where at most 1 % "
        "may be).",
    ),
    (
        {"kind": "alert", "rule": "slo", "acked": True, "reason": "acknowledged; command c by bob"},
        f"Somebody looks after rule slo on v{WHO} (acknowledged; command c by bob).",
    ),
    (
        {"pin": "v1", "evidence": CANARY, "slices": slices(CANARY, "region=eu", "*"), "onset": SINCE,
         "error_types": (ErrorType(name="timeout", n=7, baseline=0),),
         "findings": (Found(monitor="inputs", field="x", slice="region=", since=SINCE, words="x is missing"),)},
        f"V{WHO} is rolled back: all its traffic goes to v1, by rule canary, in region=eu (ok: 8 of 20 bad, 40 %, "
        "against 1 of 100, 1 %, with v1, 10 to 60 points more, by chance 1 in 1,000 releases); also on all traffic; "
        'since 2025-11-21 04:40:00Z; found on it alone: x is missing in region="", 2025-11-21 04:40:00Z; failing with '
        "timeout (7).",
    ),
    (
        {"kind": "kill", "evidence": SLOW, "slices": slices(SLOW, "*")},
        f"V{WHO} must get no traffic any more, by rule canary (latency_ms: 40 of 100 bad, 40 %, against 5 of 100, 5 %, "
        "with v1, bad: latency_ms above 480, the baseline's p95, and of the candidate above 528).",
    ),
    (
        {"kind": "kill", "rule": "commands:kill", "severity": "ticket", "reason": "v2 has not served; by ann"},
        f"V{WHO} must get no traffic any more, by hand (v2 has not served; by ann).",
    ),
    (
        {"kind": "rollback", "pin": None, "rule": "slo", "evidence": SLO, "slices": slices(SLO, "*")},
        f"V{WHO} is rolled back: its traffic goes to the other versions, by rule slo (ok: 40 of 1000 bad over 5m, 4 %, "
        "surely 2.7 to 5.6 %, where at most 1 % may be).",
    ),
    (
        {"kind": "rollback_applied", "evidence": LEFT},
        f"The traffic has left v{WHO} (0 % of 400 requests, where at most 1 % may be).",
    ),
    (
        {"kind": "recovered", "evidence": WELL, "reason": "slo still pages on v1"},
        f"What v{WHO} was withdrawn for is over (slo still pages on v1; ok: 2 of 200 bad, 1 %, where at most 20.5 % "
        "may be).",
    ),
    (
        {"kind": "rollback_ineffective", "reason": "v2 still serves: 20 of the last 120 requests"},
        f"Withdrawing v{WHO} has not helped (v2 still serves: 20 of the last 120 requests).",
    ),
    (
        {"kind": "rollback_ineffective", "severity": "ticket", "reason": "it had 0 of the last 90 requests"},
        f"Nobody can tell yet whether withdrawing v{WHO} has helped (it had 0 of the last 90 requests).",
    ),
    ({"kind": "promote", "weights": {"v2": 1.0}}, f"V{WHO} has passed and may serve all traffic."),
    ({"kind": "promote", "weights": {"v2": 0.9, "v3": 0.1}}, f"V{WHO} has passed and may serve 90 % of the traffic."),
    (
        {"kind": "hold", "severity": "info", "reason": "slo is BAD"},
        f"V{WHO} is not promoted, by rule canary (slo is BAD).",
    ),
    (
        {"kind": "hold", "reason": "v1 has become worse as well"},
        f"V{WHO} is left as it is, by rule canary (v1 has become worse as well).",
    ),
    ({"kind": "hold", "state": "resolved", "severity": "info"}, f"V{WHO} is held back no longer."),
    (
        {"kind": "throttle", "weights": {"v2": 0.05}, "rule": "slow"},
        f"V{WHO} must get at most 5 % of the traffic, by rule slow.",
    ),
    ({"kind": "throttle", "state": "resolved"}, f"V{WHO} may get its traffic again."),
    (
        {"kind": "hold", "version": mirrored("v2"), "severity": "info"},
        "Version v2 (copies of requests) of model m is not promoted, by rule canary.",
    ),
    (
        {"kind": "alert", "rule": "traffic-split", "reason": "requests arrive in other shares", "evidence": SPLIT},
        f"Rule traffic-split fires on v{WHO} (requests arrive in other shares; 51 % of 300 requests, where 10 % were "
        "declared).",
    ),
    (
        {"kind": "alert", "rule": "input:late", "model": "", "version": "", "reason": "source=e/0: 60 of 100 were late",
         "evidence": Evidence(bad=60, n=100, value=0.6, threshold=0.1), "slices": slices(SLO, "source=e/0")},
        "Much of what comes in is late: source=e/0: 60 of 100 were late.",
    ),
    (
        {"kind": "alert", "rule": "input:refused", "model": "", "version": "", "state": "resolved", "reason": "e/0"},
        "Little of what comes in is refused now: e/0.",
    ),
    (
        {"kind": "alert", "rule": "input:behind", "model": "", "version": "", "reason": "source=e/3: 2 m 10 s old"},
        "What comes in is too old when it comes, panes close without it, and nothing is decided on it (raise [time] "
        "behind_max above its age, or mend what delays it): source=e/3: 2 m 10 s old.",
    ),
    (
        {"kind": "alert", "rule": "input:behind", "model": "", "version": "", "state": "resolved", "reason": "e/3"},
        "Panes wait again for what came in too old: e/3.",
    ),
    (
        {"kind": "alert", "rule": "limits:series", "version": "__other__", "reason": "12 series beyond series_max"},
        "What is not told apart of model m: 12 series beyond series_max.",
    ),
    (
        {"kind": "alert", "rule": "commands:unsigned", "version": "", "reason": "2 commands were refused (unsigned)"},
        "Model m: 2 commands were refused (unsigned).",
    ),
    (
        {"kind": "alert", "rule": "override", "reason": "v2 runs whatever the rules say"},
        f"V{WHO}: v2 runs whatever the rules say.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "said"), TABLE, ids=[f"{row[0].get('kind')}-{n}" for n, row in enumerate(TABLE)])
def test_a_sentence_says_all_of_it(fields: dict[str, Any], said: str) -> None:
    fields = {"kind": "rollback"} | fields
    assert sentence(event(1, **fields)) == said


def test_every_type_of_event_is_read_here() -> None:
    assert {fields.get("kind", "rollback") for fields, _ in TABLE} == set(get_args(ControlType))
