"""What is left out of models of which a pane says nothing would have said nothing, and changed nothing that is kept."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from operators import shard_models
from operators.evaluation import ShardEvaluation
from operators.policy.policy import Policy
from operators.policy.rules import QUANTILES
from operators.policy_file.toml import parse
from operators.release import controller
from operators.release.incidents import WHOLE
from operators.release.model import CanaryFinding, Model, PaneContext
from operators.release.pane_traffic import PaneTraffic
from operators.release.uneventful import Uneventful
from operators.rules.verdict import Verdict
from operators.window.folded import Folded
from operators.window.pane_items import Closed
from operators.window.partial import Partial
from operators.window.samples import LINEAGE, Sample
from operators.window.waiting_commands import Due
from operators.window.windows import PaneWithWindows, Windows
from operators.wire.commands import Silence
from operators.wire.control import ControlEvent
from tests.dataflows.running import expand
from tests.policies import base, sli, table
from tests.releasing import CANARY, SLOWLY, START, kill, override, partial, pin, release, unpin, unsilence

SLO: dict[str, Any] = {"kind": "threshold", "sli": "ok", "target": 0.9, "window": "1m", "slices": ["*", "region"]}


def policy_with(canary: str, action: str = "kill", **release: Any) -> Policy:
    return parse(
        base("region", tumbling=["1m"], sliding=[], measures=["latency_ms"])
        + sli("ok", "no_error")
        + sli("quality", "at_least", field="feedback.judge", limit=4)
        + table("[rule]", name="slo", action="alert", **SLO)
        + table("[rule]", name="stop", action=action, **(SLO | {"target": 0.5, "for": "2m"}))
        + table("[rule]", name="gone", kind="absence", after="3m")
        + canary
        + table("release", settle="30s", deadline="5m", cooldown="1m", known="20m", warm_up="0s", **release)
    )


POLICY = policy_with(CANARY)
# Its blips end with every third pane, and what is well is promoted.
IN_BLIPS = policy_with(SLOWLY.replace('blip = "0s"', 'blip = "30s"').replace("margin = 1.2", "margin = 2.0"))
# What is ill is held, not taken out, and who sends what is told apart.
HOLDING = policy_with(SLOWLY.replace('blip = "0s"', 'blip = "30s"').replace('"rollback"', '"hold"'), action="hold")
PRODUCERS = policy_with(CANARY, producer="region", producer_share_max=0.6)


class Never(Uneventful):
    """Leaves nothing out."""

    def before_rules(self, model: Model, traffic: PaneTraffic) -> bool:
        return False

    def after_rules(
        self, model: Model, traffic: PaneTraffic, verdicts: Sequence[Verdict], findings: Sequence[CanaryFinding]
    ) -> bool:
        return False


class Throughout(ShardEvaluation):
    """Does with every model in every pane all that there is to do."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._models.uneventful = Never(policy)


counted = st.tuples(st.sampled_from([0, 1, 5, 40, 40]), st.sampled_from([0.0, 0.0, 0.05, 0.6, 1.0]))
served = st.dictionaries(st.sampled_from(["v1", "v1", "v2", "__other__"]), counted, max_size=3)
said = st.sampled_from([None] * 8 + ["release", "silence", "unsilence", "override", "kill", "pin", "unpin", "beyond"])
steps = st.tuples(st.sampled_from([1, 1, 1, 1, 2, 7, 95, 125]), st.sampled_from(["m", "m", "n"]), served, said)
stories = st.lists(steps, min_size=8, max_size=16)
Stories = list[tuple[int, str, dict[str, tuple[int, float]], str | None]]


def panes(story: Stories) -> list[Closed]:
    closed, pane = [], START
    for gap, model, versions, word in story:
        pane += gap
        ok: Any = {name: (n - round(n * share), round(n * share)) for name, (n, share) in versions.items() if n}
        quality: Any = {name: (3 if share < 1 else 0, 2) for name, (_, share) in versions.items()}
        silence = Silence(id="c3", ts=0, model=model, until=(pane + 20) * POLICY.pane_ms, by="ann")
        due: dict[str, Due] = {
            "release": release(),
            "half": release(share=0.5),
            "silence": silence,
            "unsilence": unsilence(),
            "override": override(),
            "kill": kill(),
            "pin": pin("v1"),
            "unpin": unpin(),
        }
        closed.append(
            Closed(
                pane=pane,
                on_time=shown(partial(pane, ok, quality, model=model), pane) if versions else None,
                commands=(due[word],) if word in due else (),
                folded=(Folded(kind="versions", model=model, names=3, events=7),) if word == "beyond" else (),
            )
        )
    return [*closed, Closed(pane=pane + 200, end=True)]


def shown(part: Partial, pane: int) -> Partial:
    """With requests that are shown, and error types: of each version the prompt changes every four panes."""
    samples = [
        (row, Sample(sli, pane * 10_000 + row, f"r{pane}-{row}", ("eu",), (f"p{pane // 4 % 7}", "", "t")))
        for row in range(part.rows)
        for sli in (0, LINEAGE)
    ]
    failing = part.outcomes.copy()
    failing[:, 1] = 1 + pane % 60
    types = ["", *(f"e{number}" for number in range(60))]
    return msgspec.structs.replace(
        part, samples=samples, outcomes=np.concatenate((part.outcomes, failing)), error_types=types
    )


def outcomes(evaluation: ShardEvaluation, closed: Sequence[Closed]) -> list[str]:
    """All that is said of these panes and stored, in order, and what is kept of the models after each."""
    windows, out = Windows(evaluation.policy, tuple(QUANTILES.values())), list[str]()
    for each in closed:
        for came_to in evaluation.push(PaneWithWindows(closed=each, windows=tuple(windows.push(each)))):
            rows = (row for some in came_to.rows for row in expand(some))
            out += map(repr, (*came_to.verdicts, *came_to.events, *rows))
        out += [ADDRESS.sub("", repr(model)) for model in evaluation.state.models.values()]
    return out


ADDRESS = re.compile(r" at 0x[0-9a-f]+")
WELL, ILL, REST = {"v1": (40, 0.0)}, {"v1": (40, 0.2)}, {"__other__": (40, 0.0)}
# An alert was muted, and is told when the silence is over.
MUTED: Stories = [
    *((1, "m", WELL, None) for _ in range(6)),
    *((1, "m", ILL, word) for word in ["silence", *[None] * 9]),
    *((20, "m", WELL | {"v2": (40, 0.0)}, None) for _ in range(2)),
]
# The version of an alert rests while others serve that no release is about, and serves again.
RESTING: Stories = [
    *((1, "m", WELL, None) for _ in range(6)),
    *((1, "m", ILL, None) for _ in range(8)),
    *((gap, "m", REST, None) for gap in (20, 60, 9, 1, 1, 1)),
    *((1, "m", ILL | REST, None) for _ in range(2)),
]
# A release is held because traffic does not come as declared, and nobody knows its candidate any more.
HELD: Stories = [
    *((1, "m", WELL, None) for _ in range(6)),
    (1, "m", WELL | {"v2": (5, 0.0)}, "half"),
    *((1, "m", WELL | {"v2": (5, 0.0)}, None) for _ in range(6)),
    *((10, "m", WELL, None) for _ in range(14)),
]
# A release goes on for long while nothing is found, by an alert at most; its baseline ends, and harm begins.
BOTH = WELL | {"v2": (40, 0.0)}
CUT_OVER: Stories = [
    *((1, "m", WELL, None) for _ in range(9)),
    *((1, "m", BOTH, None) for _ in range(7)),
    *((1, "m", WELL | {"v2": (40, 0.2)}, None) for _ in range(9)),
    *((1, "m", {"v2": (40, 0.05)}, None) for _ in range(8)),
    *((1, "m", {"v2": (40, 0.6)}, None) for _ in range(8)),
]
# A candidate that does well replaces its baseline within a blip, is well for two, and then is not.
REPLACED: Stories = [
    *((1, "m", WELL, None) for _ in range(20)),
    *((1, "m", BOTH, None) for _ in range(4)),
    *((1, "m", {"v2": (40, 0.0)}, None) for _ in range(7)),
    *((1, "m", {"v2": (40, 0.6)}, None) for _ in range(9)),
]
# A candidate is declared, and serves a minute later; it is ill for a while, and well again.
AWAITED: Stories = [
    *((1, "m", WELL, word) for word in [*[None] * 6, "release", *[None] * 6]),
    *((1, "m", BOTH, None) for _ in range(6)),
    *((1, "m", WELL | {"v2": (40, 0.6)}, None) for _ in range(9)),
    *((1, "m", BOTH, None) for _ in range(20)),
]
# A candidate that does well falls silent, and comes back; others serve in between, and in some panes nobody does.
SILENT: Stories = [
    *((1, "m", WELL, None) for _ in range(6)),
    *((1, "m", BOTH, None) for _ in range(9)),
    *((1, "m", WELL, None) for _ in range(35)),
    *((2, "n", WELL, None) for _ in range(4)),
    *((1, "m", BOTH, None) for _ in range(40)),
]
# What is promoted goes on to serve; then nobody serves any more, and its release is forgotten.
PROMOTED: Stories = [
    *((1, "m", {"v1": (1000, 0.0)}, None) for _ in range(6)),
    *((1, "m", {"v1": (1000, 0.0), "v2": (1000, 0.0)}, None) for _ in range(40)),
    *((1, "m", {"v2": (1000, 0.0)}, None) for _ in range(10)),
    *((20, "n", WELL, None) for _ in range(9)),
]


@pytest.mark.parametrize("policy", [POLICY, IN_BLIPS, HOLDING, PRODUCERS], ids=["panes", "blips", "holds", "who"])
@given(story=stories)
@example(story=MUTED)
@example(story=RESTING)
@example(story=HELD)
@example(story=CUT_OVER)
@example(story=REPLACED)
@example(story=AWAITED)
@example(story=SILENT)
@example(story=PROMOTED)
@settings(max_examples=max(settings().max_examples // 10, 1))
def test_what_is_left_out_of_models_would_have_said_and_changed_nothing(policy: Policy, story: Stories) -> None:
    closed = panes(story)
    assert outcomes(ShardEvaluation(policy), closed) == outcomes(Throughout(policy), closed)


def test_a_candidate_whose_alert_goes_on_is_asked_of_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []

    def end_pane(model: Model, at: PaneContext, *of_pane: Any) -> list[ControlEvent]:
        ended.append(at.pane)
        return controller.end_pane(model, at, *of_pane)

    monkeypatch.setattr(shard_models, "end_pane", end_pane)
    evaluation, closed = ShardEvaluation(HOLDING), panes(CUT_OVER[:22])
    for each in closed[:-1]:
        evaluation.push(PaneWithWindows(closed=each, windows=()))
    model = evaluation.state.models["m"]
    assert ("slo", "v2") in model.alerts.firing
    assert (WHOLE, "v2") in model.incidents
    assert closed[-2].pane not in ended
