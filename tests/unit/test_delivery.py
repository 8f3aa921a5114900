"""`control follow` tells people, by real servers on loopback: what each service is sent, and when it is not."""

from pathlib import Path

import pytest

from flows.control.notes import notes_of
from flows.control.sentence import sentence
from operators.wire.control import Arm, ControlEvent, ControlType, Evidence
from tests.control_samples import event
from tests.delivering import KEY, acts, alert, folder, follow, over, receiver
from tests.receiving import Receiver

__all__ = ["folder", "receiver"]  # Fixtures.


def test_slack_reads_a_sentence_and_what_the_names_hold_is_no_markup(folder: Path, receiver: Receiver) -> None:
    names = {"model": "<!channel> a & b", "version": "v\x1b[2J\n2", "runbook": "https://runbooks/slo"}
    assert follow("--slack", receiver.url, events=(alert(1, **names), over(2))).exit_code == 0
    assert [body["text"] for body in receiver.bodies()] == [
        "Rule slo fires on version v?[2J 2 of model &lt;!channel&gt; a &amp; b, in region=eu "
        "(20 of 100 bad, 20 %); also in region=us. https://runbooks/slo",
        "Rule slo no longer fires on version v2 of model m (20 of 100 bad, 20 %).",
    ]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("rollback", "Version v2 of model m is rolled back: all its traffic goes to v1, by rule canary."),
        ("rollback_applied", "The traffic has left version v2 of model m."),
        ("recovered", "What version v2 of model m was withdrawn for is over."),
        ("rollback_ineffective", "Withdrawing version v2 of model m has not helped."),
        ("promote", "Version v2 of model m has passed and may serve all traffic."),
        ("hold", "Version v2 of model m is left as it is, by rule canary."),
        ("throttle", "Version v2 of model m must get less traffic, by rule canary."),
        ("kill", "Version v2 of model m must get no traffic any more, by rule canary."),
        ("alert", "Rule canary fires on version v2 of model m."),
    ],
)
def test_every_type_of_event_is_a_sentence(kind: ControlType, says: str) -> None:
    assert sentence(event(1, "v1", kind)) == says


def test_evidence_is_in_words() -> None:
    arms = {"candidate": Arm.of("v2", 185, 47), "baseline": Arm.of("v1", 1443, 178)}
    compared = Evidence(sli="correct", lower=0.02, upper=0.15, log_e=7.07, value=0.09, **arms)  # type: ignore[arg-type]
    assert sentence(event(1, "v1", evidence=compared)).endswith(
        "by rule canary (correct: 47 of 232 bad, 20.3 %, against 178 of 1621, 11 %, with v1, 2 to 15 points more, "
        "by chance 1 in 1,176 releases)."
    )
    measured = Evidence(measure="latency_ms", n=90, value=812.5, threshold=500.0)
    assert sentence(alert(1, evidence=measured, slices=())).endswith(
        "(latency_ms: 812.5, of 90 values, where the limit is 500)."
    )
    gone = Evidence(n=168, value=0.0, threshold=0.01)
    applied = event(1, "v1", "rollback_applied", evidence=gone)
    assert sentence(applied) == (
        "The traffic has left version v2 of model m (0 % of 168 requests, where at most 1 % may be)."
    )


def test_a_long_text_is_cut_and_names_with_braces_are_texts() -> None:
    long = sentence(event(1, "v1", model="m{rule}" * 50_000, reason="r" * 600_000))
    assert len(long) < 1_000
    assert "m{rule}" in long


def test_pagerduty_has_one_incident_from_trigger_to_resolve(folder: Path, receiver: Receiver) -> None:
    widened = alert(2, reason="wider")
    assert follow("--pagerduty", events=(alert(1, runbook="https://runbooks/slo"), widened, over(3))).exit_code == 0
    first, _, last = receiver.bodies()
    assert [action for action, _ in acts(receiver)] == ["trigger", "trigger", "resolve"]
    assert len({key for _, key in acts(receiver)}) == 1
    assert last == {"routing_key": KEY, "event_action": "resolve", "dedup_key": first["dedup_key"]}
    payload = first["payload"]
    assert payload["summary"] == sentence(alert(1))
    assert (payload["source"], payload["severity"], payload["component"]) == ("m", "critical", "v2")
    assert payload["timestamp"] == "2025-11-21T04:40:01Z"
    assert first["links"] == [{"href": "https://runbooks/slo", "text": "Runbook"}]


def test_only_pages_go_to_pagerduty_unless_told(folder: Path, receiver: Receiver) -> None:
    events = (alert(1, severity="ticket"), alert(2, severity="ticket", rule="other"), over(3))
    assert follow("--pagerduty", events=events).exit_code == 0
    assert receiver.taken == []
    assert follow("--pagerduty", "--pagerduty-severity", "ticket", "--state", "b", "--from", "beginning").exit_code == 0
    (begun, first), (_, second), ended = acts(receiver)
    assert (begun, ended, first == second) == ("trigger", ("resolve", first), False)
    assert receiver.bodies()[0]["payload"]["severity"] == "warning"


def test_a_ticket_that_becomes_a_page_is_triggered_and_resolved(folder: Path, receiver: Receiver) -> None:
    follow("--pagerduty", events=(alert(1, severity="ticket"), alert(2), alert(3, severity="ticket"), over(4)))
    assert [action for action, _ in acts(receiver)] == ["trigger", "trigger", "resolve"]


def test_silenced_and_acked_alerts_page_nobody(folder: Path, receiver: Receiver) -> None:
    events = (alert(1, silenced=True), alert(2, acked=True, severity="info"), over(3, silenced=True))
    follow("--pagerduty", events=events)
    assert [action for action, _ in acts(receiver)] == ["acknowledge", "resolve"]
    follow("--slack", receiver.url, "--alertmanager", receiver.url, "--state", "b", "--from", "beginning")
    (said,) = receiver.bodies()[2:]
    assert said["text"].startswith("Somebody looks after rule slo on version v2 of model m")


def test_what_ends_while_it_is_silenced_is_resolved_all_the_same(folder: Path, receiver: Receiver) -> None:
    """An incident that a silence kept open would page for ever."""
    follow("--pagerduty", "--slack", receiver.url, events=(alert(1), alert(2, silenced=True), over(3, silenced=True)))
    asked = [body["event_action"] for body in receiver.bodies() if "event_action" in body]
    assert (asked, len(receiver.taken)) == (["trigger", "resolve"], 3)


def test_a_rollback_is_one_incident_until_the_users_are_well(folder: Path, receiver: Receiver) -> None:
    ends = [event(3, "v1", "rollback_applied", severity="info"), event(5, "v1", "recovered", severity="info")]
    events = (event(1, None, "hold"), event(2, "v1"), ends[0], event(4, "v1", "rollback_ineffective"), ends[1])
    follow("--pagerduty", events=events)
    (_, held), (_, ended), (_, back), (_, failed), one, two = acts(receiver)
    assert [action for action, _ in acts(receiver)] == ["trigger", "resolve", "trigger", "trigger", *["resolve"] * 2]
    assert held == ended
    assert {one, two} == {("resolve", back), ("resolve", failed)}


def test_what_pagerduty_did_not_hear_of_is_not_ended_there(folder: Path, receiver: Receiver) -> None:
    ended = event(3, kind="promote", severity="info")
    follow("--pagerduty", events=(event(1, kind="hold", severity="info"), event(2, "v1", severity="ticket"), ended))
    assert receiver.taken == []


@pytest.mark.parametrize(
    "freed",
    [event(3, kind="promote", severity="info"), alert(3, rule="release", severity="info", lifts=True)],
    ids=["promoted", "released anew"],
)
def test_a_version_that_may_serve_again_is_withdrawn_no_more(
    folder: Path, receiver: Receiver, freed: ControlEvent
) -> None:
    follow("--pagerduty", events=(event(1, "v1"), event(2, "v1", version="v3"), freed))
    assert [action for action, _ in acts(receiver)] == ["trigger", "trigger", "resolve"]
    assert acts(receiver)[2][1] == acts(receiver)[0][1]


def test_a_kill_that_lifts_a_pin_stays_open(folder: Path, receiver: Receiver) -> None:
    follow("--pagerduty", events=(event(1, kind="kill", lifts=True), event(2, kind="kill", lifts=True)))
    assert [action for action, _ in acts(receiver)] == ["trigger", "trigger"]


def test_alertmanager_gets_labels_that_stay_and_an_end(folder: Path, receiver: Receiver) -> None:
    later = alert(2, slices=(), reason="wider", runbook="infra/runbooks/slo.md")
    assert follow("--alertmanager", f"{receiver.url}/", events=(alert(1), later, over(3, slices=()))).exit_code == 0
    assert receiver.paths == ["/secret/api/v2/alerts"] * 3
    (first,), (second,), (last,) = receiver.bodies()
    slo = {"alertname": "RollguardAlert", "model": "m", "version": "v2", "rule": "slo"}
    assert first["labels"] == second["labels"] == last["labels"] == slo | {"severity": "page", "slice": "region=eu"}
    assert first["annotations"] == {"summary": sentence(alert(1)), "event": "e1"}
    assert second["annotations"]["runbook"] == "infra/runbooks/slo.md"
    assert first["startsAt"] == last["startsAt"] == "2025-11-21T04:40:01Z"
    assert (first["endsAt"] > "2026", last["endsAt"]) == (True, "2025-11-21T04:40:03Z")


def test_to_alertmanager_a_graver_alert_is_another_one(folder: Path, receiver: Receiver) -> None:
    follow("--alertmanager", receiver.url, events=(alert(1, severity="ticket"), alert(2), over(3)))
    (ticket,), (ended, page), (last,) = receiver.bodies()
    assert (ended["labels"], ended["endsAt"]) == (ticket["labels"], "2025-11-21T04:40:02Z")
    assert page["labels"] == last["labels"] == ticket["labels"] | {"severity": "page"}


def test_what_is_said_once_ends_by_itself(folder: Path, receiver: Receiver) -> None:
    refused = alert(1, rule="commands:too_many", version="", slices=())
    follow("--alertmanager", receiver.url, events=(refused, event(2, kind="promote", severity="info")))
    (first,), (second,) = receiver.bodies()
    assert (first["endsAt"], second["endsAt"]) == ("2025-11-21T05:40:01Z", "2025-11-21T05:40:02Z")
    assert second["labels"]["alertname"] == "RollguardPromote"


def test_that_users_are_well_ends_the_rollback_and_is_an_alert_of_its_own(folder: Path, receiver: Receiver) -> None:
    follow("--alertmanager", receiver.url, events=(event(1, "v1"), event(2, "v1", "recovered", severity="info")))
    (begun,), (ended,), (well,) = receiver.bodies()
    assert (ended["labels"], ended["endsAt"]) == (begun["labels"], "2025-11-21T04:40:02Z")
    assert (well["labels"]["alertname"], well["labels"]["severity"]) == ("RollguardRecovered", "info")


def test_a_template_is_the_text_of_all_and_only_its_fields_are_escaped(folder: Path, receiver: Receiver) -> None:
    Path("text").write_text("<!here> {model}/{version} {{{severity}}}: {reason}\n")
    told = alert(1, model="a<b", reason="{id} of {model.__class__}")
    follow("--template", "text", "--slack", receiver.url, "--pagerduty", events=(told,))
    follow("--template", "text", "--alertmanager", receiver.url, "--state", "b", "--from", "beginning")
    slack, pager, (alerts,) = receiver.bodies()
    assert slack["text"] == "<!here> a&lt;b/v2 {page}: {id} of {model.__class__}"
    whole = "<!here> a<b/v2 {page}: {id} of {model.__class__}"
    assert (pager["payload"]["summary"], alerts["annotations"]["summary"]) == (whole, whole)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{model.__class__}", "{model.__class__} is none of the fields sentence, id"),
        ("{model[0]}", "is none of the fields"),
        ("{0}", "is none of the fields"),
        ("{}", "is none of the fields"),
        ("{model!r}", "{model!r} is none of"),
        ("{model:>99999999}", "is none of the fields"),
        ("{model:{id}}", "is none of the fields"),
        ("{of_model}", "is none of the fields"),
        ("{model", "expected '}'"),
        ("model}", "Single '}'"),
        ("", "must have 1 to 4000 characters"),
        ("x" * 4_001, "must have 1 to 4000 characters"),
    ],
)
def test_a_wrong_template_stops_at_the_start(folder: Path, text: str, says: str) -> None:
    Path("text").write_text(text)
    result = follow("--template", "text", "--slack", "http://127.0.0.1:1", events=(alert(1),))
    assert (result.exit_code, len(result.stderr.splitlines()), says in result.stderr) == (2, 1, True), result.stderr


@pytest.mark.parametrize(
    ("words", "key", "says"),
    [
        (("--pagerduty",), "", "--pagerduty: ROLLGUARD_PAGERDUTY_KEY must be"),
        (("--pagerduty",), "s3cret", "--pagerduty: ROLLGUARD_PAGERDUTY_KEY must be"),
        (("--slack", "-"), "", "--slack: must be an address"),
        (("--slack", "ftp://host/s3cret"), "", "--slack: must be an address"),
        (("--alertmanager", "host:9093"), "", "--alertmanager: must be an address"),
        (("--alertmanager", "http://host:x"), "", "--alertmanager: "),
        (("--template", "control.ndjson"), "", "--template: is for --alertmanager"),
    ],
)
def test_wrong_use_is_one_line_without_secrets(
    folder: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], key: str, says: str
) -> None:
    monkeypatch.setenv("ROLLGUARD_PAGERDUTY_KEY", key)
    Path("control.ndjson").write_text("x")
    result = follow(*words)
    assert (result.exit_code, len(result.stderr.splitlines()), says in result.stderr) == (2, 1, True), result.stderr
    assert "s3cret" not in result.stderr


def test_keys_of_incidents_are_short_and_no_names_collide() -> None:
    names = [("m", "v2"), ("m\x00v2", ""), ("m", "v2" * 100_000), ("m:v2", ""), ("", "mv2")]
    keys = {note.key for model, version in names for note in notes_of(alert(1, model=model, version=version), {})}
    assert len(keys) == len(names)
    assert max(map(len, keys)) <= 255
