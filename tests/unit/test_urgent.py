"""The first page for somebody on call: what is decided, why, how sure, where, since when, what to do."""

from typing import Any

import msgspec

from flows.page.asked import Asked
from flows.page.html import page
from flows.page.views.banner import banner
from flows.page.views.sentences import title
from flows.page.views.states import WORDS, State, aged
from flows.page.views.urgent import DECIDED_BY, TO_DO, facts, is_urgent, newest
from operators.wire.control import Affected, Arm, Evidence, Found

NOW = 1_760_000_000_000
COMPARED = Evidence(
    sli="correct",
    candidate=Arm.of("v2", 286, 113),
    baseline=Arm.of("v1", 2_312, 252),
    value=0.18,
    lower=0.081,
    upper=0.308,
    p_value=1 / 26_000,
    since=NOW - 3_600_000,
)
HOSTILE = "<img src=x onerror=alert(1)>"


def event(
    evidence: Evidence | str | None = COMPARED, slices: tuple[str, ...] = ("region=eu", "*"), **more: Any
) -> dict[str, Any]:
    found = [Found(monitor="m", field="f", slice="region=eu", since=NOW - 1_800_000, words="f reaches 100, not 1")]
    affected = [Affected(slice=each, verdict="BAD", evidence=Evidence()) for each in slices]
    made = {
        "model": "m", "version": "v2", "type": "rollback", "at": NOW - 130_000, "rule": "canary", "reason": "",
        "slices": encoded(affected), "slices_more": 4,
        "evidence": evidence if isinstance(evidence, str) else "" if evidence is None else encoded(evidence),
        "onset": NOW - 1_900_000,
        "findings": encoded(found), "runbook": "infra/runbooks/rollback.md", "id": "e",
    }  # fmt: skip
    return made | more


def encoded(value: object) -> str:
    return msgspec.json.encode(value).decode()


def said(**more: Any) -> dict[str, str]:
    return {each["name"]: each["words"] for each in facts(event(**more), NOW)}


def test_a_rollback_says_why_how_sure_where_since_when_and_what_was_found_before() -> None:
    assert said() == {
        "Why": "correct: 113 of 399 bad, 28.3 %, against 252 of 2564, 9.83 %, with v1; by rule canary",
        "How sure": "8.1 to 30.8 points more, by chance 1 in 26,000 releases",
        "Where": "region=eu, all traffic and 4 more",
        "Since": "about 08:21:40, 31 m 40 s ago; decided 08:51:10, 2 m 10 s ago",
        "Found before": "f reaches 100, not 1 in region=eu, 08:23:20",
    }


def test_a_rollback_is_said_with_where_the_traffic_goes_which_need_not_be_the_baseline() -> None:
    """Rolled back by hand to v9, or by a rule to its fallback, the page said v1: it had the baseline alone."""
    assert title("v2", "v1", "rolling back", event(pin="v9")) == "v2 is being rolled back to v9"
    assert title("v2", "v1", "rollback without effect", event(pin=None)) == "v2 is taken out, and that has not helped"
    assert title("v2", "v1", "held", event(pin="v9")) == "v2 is held beside v1"


def test_of_what_was_rolled_back_and_then_killed_the_kill_is_what_was_decided() -> None:
    rollback, kill = event(revision=1, pin="v1"), event(revision=2, type="kill", pin=None)
    assert newest([rollback, kill], DECIDED_BY["recovered"]) == kill
    assert newest([rollback, kill], DECIDED_BY["held"]) is None


def test_an_alert_that_is_told_of_after_all_that_was_counted_has_just_begun() -> None:
    """Without requests nothing is counted, and an alert of their absence was open "for -10:00"."""
    ages = [each["age"] for each in aged([{"since": NOW + 600_000}, {"since": NOW - 600_000}], NOW)]
    assert ages == ["0:00", "10:00"]


def test_what_is_not_compared_says_how_sure_it_is_with_its_limit() -> None:
    limit = Evidence(sli="ok", good=90, bad=10, value=0.9, lower=0.85, upper=0.93, threshold=0.95, window_ms=300_000)
    shown = said(evidence=limit, onset=None, findings="")
    assert shown["Why"] == "ok: 10 of 100 bad over 5m, 10 %, surely 7 to 15 %, where at most 5 % may be; by rule canary"
    assert (shown["How sure"], shown["Found before"]) == ("", "")
    assert shown["Since"] == "decided 08:51:10, 2 m 10 s ago"


def test_a_decision_by_hand_and_one_of_an_older_worker_are_said_as_far_as_is_known() -> None:
    shown = said(evidence=None, reason="ann: it burns", slices=(), slices_more=0, onset=None, at=NOW, findings="")
    assert shown["Why"] == "ann: it burns; by rule canary"
    assert (shown["Where"], shown["Since"]) == ("", "decided 08:53:20, just now")
    assert said(evidence='{"sli": 5}')["Why"] == said(evidence="no JSON")["Why"] == "by rule canary"


def test_every_state_that_somebody_is_needed_for_says_what_to_do() -> None:
    words = {word for word, _ in WORDS.values()} | {"held"}
    assert DECIDED_BY.keys() == TO_DO.keys() <= words
    assert all(DECIDED_BY[word] for word in DECIDED_BY)


def model(word: str, name: str = "m", version: str = "v2", entered: int = NOW) -> dict[str, Any]:
    return {
        "model": name, "version": version, "state": State(word=word, kind="plain", rank=0), "per_second": 1.0,
        "entered": entered,
    }  # fmt: skip


def alert(severity: str = "page", name: str = "m", version: str = "v2", silenced: int = 0) -> dict[str, Any]:
    return {"model": name, "version": version, "rule": "slo", "severity": severity, "is_silenced": silenced}


def headline(models: list[dict[str, Any]], alerts: list[dict[str, Any]]) -> tuple[str, str]:
    shown = banner(models, alerts, NOW)
    return shown["title"], shown["kind"]


def test_all_is_well_only_where_nobody_is_called() -> None:
    assert headline([model("steady")], []) == ("All is well, nothing is being rolled out", "good")
    assert headline([model("steady")], [alert(), alert(name="n")]) == (
        "m: slo needs somebody and 1 more, nothing is being rolled back", "bad",
    )  # fmt: skip
    assert headline([model("steady")], [alert("ticket")]) == ("Nothing is being rolled out, 1 open alert", "plain")
    assert headline([model("steady")], [alert(silenced=1)])[1] == "good"


def test_the_worst_is_said_first_and_alerts_of_a_release_with_it() -> None:
    back, held = model("rolling back", "a"), model("held", "b")
    assert headline([held, back], [alert(name="c")]) == ("a v2 is being rolled back", "bad")
    assert headline([held], [alert(name="b")]) == ("1 release held, nothing is being rolled back", "warn")
    assert headline([held], [alert(name="b", version="v1")])[0].startswith("b: slo needs somebody")
    assert headline([held], [alert(name="c")])[0].startswith("c: slo needs somebody")
    ineffective = model("rollback without effect", "c")
    assert headline([held, back, ineffective], [])[0] == "c v2: the rollback has no effect"


def test_a_rollback_that_ended_well_is_told_for_an_hour() -> None:
    assert is_urgent(model("recovered", entered=NOW - 3_600_000), NOW)
    assert not is_urgent(model("recovered", entered=NOW - 3_600_001), NOW)
    assert headline([model("recovered", entered=NOW - 3_600_001)], [])[1] == "good"
    assert not is_urgent(model("rolling out"), NOW)


def test_what_is_said_is_text() -> None:
    shown = event(rule=HOSTILE, reason=HOSTILE, slices=(HOSTILE,))
    urgent = {
        "model": HOSTILE, "version": HOSTILE, "kind": "bad", "title": HOSTILE, "facts": facts(shown, NOW),
        "to_do": "", "runbook": HOSTILE,
    }  # fmt: skip
    html = page(
        "overview", asked=Asked(), path="/", may=frozenset(), counted={"counted": NOW, "stored": NOW},
        names=[], models=[], more=0,
        banner={"title": HOSTILE, "kind": "bad", "note": ""}, urgent=[urgent], alerts=[], events=[],
    )  # fmt: skip
    assert "<img" not in html
    assert html.count("&lt;img src=x") >= 6
