"""One partition of events on its way to its judgements: who is drawn, what is asked, and what is said, in order."""

import json
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from operators.evaluate.golden import GoldenCase
from operators.evaluate.log import EvaluatedLog, EvaluatedState, Judgements
from operators.evaluate.sampling import draw_of
from operators.evaluate.work import Judges
from operators.evaluators.case import Judged, JudgedCase, Score
from operators.ingest.messages import Messages
from operators.ingest.relayed import copies, origin_header
from operators.policy.evaluators import AnswerEvaluator
from operators.policy_file.toml import parse
from tests.dataflows.making import POLICY

TS = 1_763_700_000_000
SHORT = '[[evaluator]]\nname = "short"\nkind = "length"\nchars_max = 20\n'
MODEL = '[[evaluator]]\nname = "helpful"\nkind = "llm"\nendpoint = "http://judge/v1"\nmodel = "j"\n'
MODEL += 'criteria = { helpfulness = "Does it help?", tone = "Is it polite?" }\n'


class Desk:
    """Judges that answer when they are told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, JudgedCase, Future[Judged]]] = []

    def ask(self, evaluator: AnswerEvaluator, case: JudgedCase) -> "Future[Judged]":
        future: Future[Judged] = Future()
        self.asked.append((evaluator.name, case, future))
        return future

    def answer(self, *ids: str, value: float = 4.0, fault: str = "", tokens: int = 0) -> None:
        """Answer what is asked of these requests; without any, all."""
        for name, case, future in self.asked:
            if not future.done() and (not ids or case.request_id in ids):
                names = [] if fault else ["helpfulness", "tone"] if name == "helpful" else [name]
                scores = [Score(criterion=each, value=value) for each in names]
                future.set_result(Judged(scores=scores, fault=fault, calls=1, input_tokens=tokens, latency_ms=12.5))


def evaluated(
    text: str = SHORT, desk: Desk | None = None, state: EvaluatedState | None = None, **more: Any
) -> EvaluatedLog:
    share = "" if "[evaluate]" in text else "[evaluate]\nshare = 1.0\n"
    return EvaluatedLog("t/0", parse(POLICY + share + text), Judges(ask=(desk or Desk()).ask, **more), state)


def event(name: str, output: object = "Hold the button.", **fields: Any) -> bytes:
    body = {"request_id": name, "ts": TS, "model": "m", "version": "v", "input": "How?", "output": output}
    return json.dumps(body | {"slices": {"region": "eu"}} | fields).encode()


def messages(*values: bytes, first: int = 0, received_ms: int = TS) -> Messages:
    return Messages(
        values=values, positions=range(first, first + len(values)), received_ms=np.full(len(values), received_ms)
    )


def said(items: Sequence[Any]) -> list[dict[str, Any]]:
    return [json.loads(each.value) for each in items]


def judge(log: EvaluatedLog, *values: bytes, now_ms: int = TS) -> Judgements:
    log.take(messages(*values), now_ms)
    return log.settled(now_ms)


def test_a_score_is_feedback_with_the_context_of_its_request() -> None:
    (found,) = said(
        judge(evaluated(), event("r1", "far too long for that limit", mirrored=True), now_ms=TS + 9).feedback
    )
    source = found.pop("source")
    assert source.startswith("short@")
    assert found == {
        "request_id": "r1",
        "ts": TS + 9,
        "kind": "judge",
        "name": "short",
        "value": False,
        "reason": "27 characters",
        "model": "m",
        "version": "v",
        "slices": {"region": "eu"},
        "request_ts": TS,
        "sample": "share",
        "rate": 1.0,
        "mirrored": True,
    }


def test_what_is_said_keeps_the_order_of_the_log_though_the_first_is_judged_last() -> None:
    desk = Desk()
    log = evaluated(MODEL, desk)
    log.take(messages(event("a"), event("b"), event("c"), first=7), TS)
    desk.answer("c", "b")
    assert not log.settled(TS).feedback
    assert log.position == 7
    desk.answer("a")
    found = log.settled(TS)
    assert [(each["request_id"], each["name"]) for each in said(found.feedback)] == [
        (name, criterion) for name in "abc" for criterion in ("helpfulness", "tone")
    ]
    places = [(each.position, each.item) for each in found.feedback]
    assert places == sorted(set(places))
    assert log.position is None


def test_of_a_file_judgements_have_the_times_of_their_requests() -> None:
    """A month of history that is judged today is replayed as it would have been then; no clock goes back."""
    desk = Desk()
    log = EvaluatedLog("t/0", parse(POLICY + "[evaluate]\nshare = 1.0\n" + MODEL), Judges(ask=desk.ask), live=False)
    day = 86_400_000
    log.take(
        messages(event("a"), event("late", ts=TS - 5_000), event("b", ts=TS + 60_000), received_ms=TS + day), TS + day
    )
    desk.answer()
    found = log.settled(TS + day)
    for some in (found.feedback, found.events):
        times = [each["ts"] for each in said(some)]
        assert sorted(set(times)) == [TS + 12, TS + 60_012]
        assert times == sorted(times)


def test_each_judgement_is_an_event_of_the_judge_itself() -> None:
    desk = Desk()
    log = evaluated(MODEL + "usd_per_1m_input = 2.0\n", desk)
    log.take(messages(event("a"), event("b")), TS)
    desk.answer("a", tokens=500)
    desk.answer("b", fault="timeout")
    found = log.settled(TS + 1_000)
    good, bad = said(found.events)
    source = said(found.feedback)[0]["source"]
    assert (good["model"], good["version"], good["trace_id"]) == ("judge:helpful", source, "a")
    assert (good["score"], good["latency_ms"], good["input_tokens"], good["cost_usd"]) == (4.0, 12.5, 500, 0.001)
    assert (bad["error_type"], "score" in bad) == ("timeout", False)
    assert good["request_id"] != bad["request_id"]
    assert found.failed == {"timeout": 1}
    assert {each["request_id"] for each in said(found.feedback)} == {"a"}, "a failure is no score"


def test_judges_are_not_judged() -> None:
    assert not judge(evaluated(), event("r", model="judge:helpful")).feedback


def test_a_gate_saves_the_dear_one_what_the_cheap_one_refused() -> None:
    desk = Desk()
    log = evaluated(SHORT + MODEL + 'after = "short"\n', desk)
    log.take(messages(event("long", "x" * 21), event("fine", "x")), TS)
    assert [case.request_id for _, case, _ in desk.asked] == ["fine"]
    desk.answer()
    found = log.settled(TS)
    assert found.skipped == {"gated": 1}
    assert [each["request_id"] for each in said(found.feedback)] == ["long", "fine", "fine", "fine"]


def test_personal_data_does_not_leave_unless_the_policy_says_so() -> None:
    desk = Desk()
    evaluated(MODEL, desk).take(messages(event("a", "write to ann@example.org", input="I am bob@example.org")), TS)
    assert desk.asked[0][1].output == "write to [EMAIL]"
    assert "bob" not in desk.asked[0][1].input
    evaluated(MODEL + 'texts = "full"\n', desk).take(messages(event("a", "write to ann@example.org")), TS)
    assert desk.asked[1][1].output == "write to ann@example.org"


def test_a_copy_of_an_event_is_judged_once() -> None:
    assert len(judge(evaluated(), event("r"), event("r"), event("r", attempt=1)).feedback) == 2


def test_what_has_no_text_cannot_be_judged() -> None:
    found = judge(evaluated(), event("r", None), event("s", {"tool": "x"}))
    assert found.skipped == {"no_text": 1}
    assert [each["request_id"] for each in said(found.feedback)] == ["s"]


def test_messages_that_no_monitor_takes_are_passed_over() -> None:
    feedback = json.dumps({"request_id": "f", "ts": TS, "model": "m", "version": "v", "kind": "thumbs", "value": 1})
    strange = [b"{", b"[]", event("late", ts=TS + 10**9), event("x", model="*"), feedback.encode(), event("ok")]
    assert [each["request_id"] for each in said(judge(evaluated(), *strange).feedback)] == ["ok"]


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_the_sample_is_a_hash_of_the_request_and_rates_nest(share: float) -> None:
    names = [f"r{number}" for number in range(2_000)]
    text = f"[evaluate]\nshare = {share}\n" + SHORT
    drawn = [each["request_id"] for each in said(judge(evaluated(text), *map(event, names)).feedback)]
    assert drawn == [name for name in names if draw_of("short", name) < share]
    assert abs(len(drawn) / 2_000 - share) < 4 * (share / 2_000) ** 0.5


RATES = """
[evaluate]
share = 0.1

[[evaluate.rate]]
model = "m"
version = "v2*"
share = 0.5

[[evaluate.rate]]
slices = { region = "us" }
share = 0.8
"""


def test_versions_and_slices_have_rates_of_their_own_and_what_is_drawn_for_a_slice_alone_says_so() -> None:
    names = [f"r{number}" for number in range(1_000)]
    places = {name: draw_of("short", name) for name in names}
    for version, region, rate, floor in [("v1", "eu", 0.1, 0), ("v2b", "eu", 0.5, 0), ("v1", "us", 0.1, 0.8)]:
        values = [event(name, version=version, slices={"region": region}) for name in names]
        found = said(judge(evaluated(RATES + SHORT), *values).feedback)
        samples = {each["request_id"]: (each["sample"], each["rate"]) for each in found}
        assert samples == {
            name: ("share", rate) if place < rate else ("floor", floor)
            for name, place in places.items()
            if place < max(rate, floor)
        }


def test_a_gated_evaluator_draws_as_its_gate_does() -> None:
    desk = Desk()
    text = "[evaluate]\nshare = 0.3\n" + SHORT + MODEL + 'after = "short"\nshare = 0.1\n'
    log = evaluated(text, desk)
    log.take(messages(*(event(f"r{number}", "x") for number in range(500))), TS)
    assert [case.request_id for _, case, _ in desk.asked] == [
        f"r{number}" for number in range(500) if draw_of("short", f"r{number}") < 0.1
    ]


def test_the_rate_falls_openly_while_judging_is_behind_and_no_further() -> None:
    log = evaluated("[evaluate]\nshare = 1.0\nbehind_max = '1m'\n" + SHORT)
    names = [f"r{number}" for number in range(400)]
    log.take(messages(*map(event, names)), TS + 130_000)
    found = log.settled(TS + 130_000)
    drawn = [each["request_id"] for each in said(found.feedback)]
    assert drawn == [name for name in names if draw_of("short", name) < 0.25]
    assert found.rates == {"short": 0.25}
    assert found.skipped == {"behind": 400 - len(drawn)}
    assert {each["rate"] for each in said(found.feedback)} == {0.25}
    fresh = judge(log, event("again"), now_ms=TS + 59_000)
    assert fresh.rates == {"short": 1.0}


def test_no_more_is_read_than_may_wait() -> None:
    log = evaluated("[evaluate]\nshare = 1.0\nwaiting_max = 10\n" + MODEL)
    log.take(messages(*(event(f"r{number}") for number in range(9))), TS)
    assert not log.full
    log.take(messages(event("r9"), first=9), TS)
    assert log.full


def test_a_budget_is_spent_no_faster_than_its_time_and_never_more() -> None:
    desk = Desk()
    log = evaluated(MODEL + "requests_per_hour = 100\n", desk)
    hour = TS // 3_600_000 * 3_600_000
    for minute in range(60):
        at = hour + minute * 60_000
        values = [event(f"r{minute}-{number}", ts=at) for number in range(20)]
        log.take(messages(*values, first=minute * 20, received_ms=at), at)
        desk.answer()
        found = log.settled(at)
        if minute == 20:
            assert 0 < found.rates["helpful"] < 1
    assert 60 <= len(desk.asked) <= 100
    assert log.state.spent["helpful"].requests == len(desk.asked)
    later = hour + 3_600_000
    log.take(messages(event("next", ts=later), first=9_999, received_ms=later), later)
    assert log.state.spent["helpful"].requests == 1


def test_a_spent_day_is_spent_after_a_restart_too() -> None:
    desk = Desk()
    text = MODEL + "usd_per_day = 1.0\nusd_per_1m_input = 1000.0\n"
    log = evaluated(text, desk)
    log.take(messages(event("a")), TS)
    desk.answer(tokens=1_000)
    log.settled(TS)
    again = evaluated(text, desk, log.state)
    found = judge(again, event("b"))
    assert found.skipped == {"budget": 1}
    assert found.rates == {"helpful": 0.0}


def golden_log(desk: Desk, labels: float = 5.0, state: EvaluatedState | None = None, more: str = "") -> EvaluatedLog:
    cases = [GoldenCase(input="i", output=f"golden {n}", labels={"helpfulness": labels}) for n in range(30)]
    return evaluated(MODEL + 'golden_every = "5m"\n' + more, desk, state, golden={"helpful": cases})


def test_golden_cases_are_judged_by_the_time_of_the_log_and_are_labels_of_the_judge() -> None:
    desk = Desk()
    log = golden_log(desk)
    log.take(messages(event("r")), TS)
    assert len(desk.asked) == 31
    desk.answer(value=2.0)
    found = log.settled(TS)
    labels = [each for each in said(found.feedback) if each["kind"] == "label"]
    assert {(each["model"], each["value"], each["prediction"]) for each in labels} == {
        ("judge:helpful", "pass", "fail")
    }
    assert len({each["request_id"] for each in labels}) == 30
    assert {tuple(each.get("flags", ())) for each in said(found.events)} == {("golden",), ()}
    log.take(messages(event("s"), first=1), TS)
    assert len(desk.asked) == 32, "once in five minutes"
    resumed = golden_log(desk, state=log.state)
    resumed.take(messages(event("t"), first=2), TS)
    assert len(desk.asked) == 33, "nor again after a restart"


def test_a_judge_that_people_do_not_agree_with_says_so_with_each_score() -> None:
    desk = Desk()
    log = golden_log(desk)
    log.take(messages(event("r")), TS)
    desk.answer(value=2.0)
    found = log.settled(TS)
    assert found.doubts == {"helpful": "disagrees"}
    assert {each.get("standing") for each in said(found.feedback) if each["kind"] == "judge"} == {"disagrees"}


def test_a_judge_that_has_changed_is_new_for_a_while() -> None:
    desk = Desk()
    old = golden_log(desk)
    judge(old, event("r"))
    desk.answer()
    changed = golden_log(desk, state=old.state, more='task = "now stricter"\nsettle = "10m"\n')
    for at, doubt in ((TS + 1, "new"), (TS + 599_000, "new"), (TS + 601_000, None)):
        changed.take(messages(event(f"r{at}", ts=at), first=at, received_ms=at), at)
        desk.answer(value=5.0)
        scores = [each for each in said(changed.settled(at).feedback) if each["kind"] == "judge"]
        assert {each.get("standing") for each in scores} == {doubt}, at


def test_what_comes_again_after_a_kill_is_known_by_its_place() -> None:
    """Stopped with some judged and some not, it begins at the first that is not done; readers drop the rest."""
    values = [event(f"r{number}") for number in range(40)]
    written: list[Any] = []
    position, state = 0, None
    for order in (range(0, 40, 3), range(1, 40, 2), range(40)):
        desk = Desk()
        log = golden_log(desk, state=state)
        log.take(messages(*values[position:], first=position), TS)
        desk.answer("golden-0", *(f"golden-{n}" for n in range(1, 30)), *(f"r{number}" for number in order))
        written += log.settled(TS).feedback
        position, state = log.position or 40, log.state
    headers = [(b"", origin_header("t/0", each.position, each.item)[1]) for each in written]
    came = Messages(
        values=[each.value for each in written],
        positions=range(len(written)),
        received_ms=np.full(len(written), TS),
        beside=headers,
    )
    again, _ = copies(came, {})
    kept = [each for index, each in enumerate(said(written)) if again is None or not again[index]]
    scores = [(each["request_id"], each["name"]) for each in kept if each["kind"] == "judge"]
    assert scores == [(f"r{number}", name) for number in range(40) for name in ("helpfulness", "tone")]


def test_of_a_backlog_the_rate_is_what_its_oldest_were_judged_at() -> None:
    """The last of a batch came just now: by them alone nothing would seem to be wrong."""
    log = evaluated("[evaluate]\nshare = 1.0\nbehind_max = '1m'\n" + SHORT)
    log.take(messages(*map(event, ("a", "b", "c")), received_ms=TS), TS + 61_000)
    log.take(messages(event("d"), first=3, received_ms=TS + 61_000), TS + 61_000)
    assert log.settled(TS + 61_000).rates == {"short": 0.5}
