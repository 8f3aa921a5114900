"""Another policy over the same events: what it says is what a worker with it would have said."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from flows.backtest.archived import unread_of
from flows.backtest.comparing import summed
from flows.backtest.hearing import heard
from flows.backtest.run import Asked, compare
from flows.replay import inputs_of
from operators.connectors.stop import Stop
from operators.policy_file.teams import limited, parse_teams
from operators.policy_file.toml import parse
from operators.wire.control import ControlEvent
from tests.dataflows.running import run_flow
from tests.dataflows.test_cli import one_line, rollguard, text_of
from tests.monitored import FILES
from tests.releasing import THRESHOLD
from tests.rolled_back import PANE_MS, START_MS, held_policy, log, policy

RELEASE = {"id": "c1", "type": "release", "ts": START_MS + 100_000, "model": "m", "candidate": "v2", "baseline": "v1"}
LABEL = {"ts": START_MS + 60_000, "kind": "label", "value": "yes", "model": "m", "version": "v1"}
HOUR_MS = 3_600_000
# What of feedback decides whether it counts, and for whom.
TOLD: dict[str, dict[str, Any]] = {
    "3-2": {"slices": {"region": "us", "tier": "gold"}},
    "3-4": {"value": "007"},
    "3-5": {"kind": "judge", "value": 0.25, "sample": "report"},
    "3-6": {"kind": "judge", "value": 0.5, "standing": "disagrees"},
    "3-7": {"value": True, "mirrored": True},
}
PREDICTIONS = {"3-8": "007", "3-9": 7, "3-10": "1.50", "3-11": 1.5, "3-12": True, "3-13": "no"}


def _event(line: bytes) -> dict[str, Any]:
    """An event of the log; one is the answer to a copy, some say something."""
    event: dict[str, Any] = json.loads(line)
    event["slices"]["tier"] = "gold"  # No dimension of the policy that the store was written under.
    prediction = PREDICTIONS.get(event["request_id"])
    return (
        event | {"mirrored": event["request_id"] == "3-7"} | ({} if prediction is None else {"prediction": prediction})
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with a bad release, feedback and a command; two policies; and a replay with its request log."""
    path = tmp_path_factory.mktemp("days")
    events = [_event(line) for line in text_of(log()).splitlines()]
    (path / "events.ndjson").write_text("".join(json.dumps(event) + "\n" for event in events))
    told = (LABEL | {"request_id": name} | fields for name, fields in TOLD.items())
    (path / "feedback.ndjson").write_text("".join(json.dumps(each) + "\n" for each in told))
    (path / "commands.ndjson").write_text(json.dumps(RELEASE) + "\n")
    plain = '[archive]\nids = "full"\n'
    (path / "old.toml").write_text(held_policy().text + plain)
    (path / "new.toml").write_text(policy().text + plain)
    given = ("--feedback", path / "feedback.ndjson", "--commands", path / "commands.ndjson")
    policies = ("--policy", path / "new.toml", "--archive", "--out", path / "out")
    done = rollguard("replay", path / "events.ndjson", *given, *policies)
    assert done.returncode == 0, done.stderr
    return path


def compared(folder: Path, *arguments: object) -> dict[str, Any]:
    policies = ("--policy", folder / "new.toml", "--against", folder / "old.toml")
    done = rollguard("backtest", *policies, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def of_files(folder: Path) -> tuple[object, ...]:
    given = ("--feedback", folder / "feedback.ndjson", "--commands", folder / "commands.ndjson")
    return (folder / "events.ndjson", *given)


def test_a_policy_says_what_the_monitor_says_with_it(tmp_path: Path) -> None:
    (tmp_path / "events").write_bytes(text_of(log()))
    inputs = inputs_of({"events": [tmp_path / "events"]}, policy(), lambda name, count: None)
    found = heard(inputs, policy(), Stop())
    control = run_flow(policy(), [log()._replace(name=str(tmp_path / "events"))], START_MS + PANE_MS * 10_000).control
    assert {event.type for event in control} >= {"rollback"}
    assert found.events == sorted(control, key=lambda event: (event.ts, event.model, event.revision))


def test_files_are_compared_version_by_version(folder: Path) -> None:
    found = compared(folder, *of_files(folder))
    control = [json.loads(line) for line in (folder / "out" / "control.ndjson").read_text().splitlines()]
    rollback = next(event for event in control if event["type"] == "rollback")
    (outcome,) = (each for each in found["new"]["outcomes"]["m"]["v2"] if each["type"] == "rollback")
    assert (outcome["at"], outcome["rule"]) == (rollback["ts"], rollback["rule"])
    assert found["new"]["detect_s"] == (rollback["detected"] - rollback["onset"]) / 1000
    assert "rollback" not in found["old"]["counts"]
    events = json.loads((folder / "out" / "summary.json").read_text())["events"]
    assert found["items"] == events + len(TOLD), "commands are none of them"
    assert found["new"]["pages"] == len(
        {each["incident"] for each in control if each["severity"] == "page" and not each.get("update")}
    )


def test_files_of_another_time_are_refused(folder: Path) -> None:
    """A table of zeros read as if nothing had been found in these days."""
    policies = ("--policy", folder / "new.toml", "--against", folder / "old.toml")
    days = ("--from", "2024-01-01", "--to", "2024-01-02")
    refusal = one_line(rollguard("backtest", folder / "events.ndjson", *policies, *days), 2)
    assert "nothing is of that time: events and feedback are of 2025-10-09 " in refusal
    (folder / "labels").write_text("".join(json.dumps(LABEL | {"request_id": "1"}) + "\n" for _ in range(3)))
    refusal = one_line(rollguard("backtest", folder / "labels", *policies), 2)
    assert refusal.endswith("no events and no feedback to compare by; 3 items were refused (wrong_topic)")


def test_pages_a_week_are_of_the_time_of_the_files(folder: Path) -> None:
    """Pages of three minutes were spread over the month that was asked for: nothing seemed to page."""
    short, long = (compared(folder, *of_files(folder), "--to", day) for day in ("2025-10-10", "2025-11-09"))
    assert short["new"]["pages"] > 0
    assert short == long
    weeks = (short["end"] - short["start"]) / 604_800_000
    assert short["new"]["pages_per_week"] == round(short["new"]["pages"] / weeks, 2)


def test_the_store_has_what_the_files_had(folder: Path) -> None:
    days = ("--from", "2025-10-09", "--to", "2025-10-10T12:00:00Z", "--data", folder / "out")
    of_store, of_file = compared(folder, *days), compared(folder, *of_files(folder), *days[:4])
    assert of_store == of_file
    assert of_store["new"]["counts"]["rollback"] == 1


def test_items_of_the_store_say_what_decides_as_they_came(folder: Path) -> None:
    feedback = {each["request_id"]: each for each in asked(folder, "feedback")}
    for name, fields in TOLD.items():
        given = {"sample": None, "standing": None, "mirrored": False} | LABEL | fields
        given.pop("slices", None)
        assert {field: feedback[name][field] for field in given} == given
    (source,) = asked(folder, "sources")
    events = {each["request_id"]: each["prediction"] for each in asked(folder, "events", **source)}
    assert {name: events[name] for name in PREDICTIONS} == PREDICTIONS


def test_feedback_of_the_store_is_of_dimensions_that_only_a_new_policy_has(folder: Path) -> None:
    """It had the dimensions of the policy that it was stored under, and none of its events' others."""
    slices = {each["request_id"]: each["slices"] for each in asked(folder, "feedback")}
    assert {name: slices[name] for name in ("3-2", "3-4")} == {
        "3-2": {"region": "us", "tier": "gold"},
        "3-4": {"region": "", "tier": "gold"},
    }


def asked(folder: Path, query: str, **params: str) -> list[dict[str, Any]]:
    """What the store has of the days, as a backtest asks for it."""
    days = {"from": "2025-10-09 00:00:00", "to": "2025-10-10 12:00:00"} | params
    words = [word for name, value in days.items() for word in ("--param", f"{name}={value}")]
    path = Path("infra/clickhouse/backtest") / f"{query}.sql"
    done = rollguard("sql", f"@{path}", *words, "--format", "json", "--data", folder / "out")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_is_said_outside_of_the_days_does_not_count(folder: Path) -> None:
    found = compared(folder, *of_files(folder), "--to", "2025-10-09T08:53:50Z")
    assert found["new"]["counts"] == {}
    assert found["new"]["pages_per_week"] == 0


def test_a_table_names_each_version(folder: Path) -> None:
    done = rollguard("backtest", *of_files(folder), "--policy", folder / "new.toml", "--against", folder / "old.toml")
    assert "rollback 2025-10-09" in done.stdout, done.stderr
    assert "pages a week" in done.stdout


def test_days_without_requests_are_a_mistake(folder: Path) -> None:
    words = ("--from", "2024-01-01", "--to", "2024-01-02", "--data", folder / "out")
    assert "no requests from 2024-01-01" in one_line(rollguard("backtest", "--policy", folder / "new.toml", *words), 1)


def test_an_incident_pages_once() -> None:
    fields = {"model": "m", "version": "v2", "rule": "r", "severity": "page", "policy": "p", "incident": "i"}
    event = ControlEvent(id="1", revision=1, type="hold", ts=5, **fields)  # type: ignore[arg-type]
    later = replace(event, id="2", revision=2, type="rollback", ts=9, onset=1_000, detected=4_000, update=True)
    again = replace(later, id="3", revision=3, ts=12)
    found = summed("p", [event, later, again], 0, 10)
    assert (found.pages, found.counts, found.detect_s) == (1, {"hold": 1, "rollback": 1}, 3.0)
    assert found.rules == {"r": {"hold": 1, "rollback": 1}}
    assert summed("p", [event, later, again], 10, 20).counts == {}, "it began before"


def test_a_rollback_after_an_alert_is_one(tmp_path: Path) -> None:
    """It is told of in the incident of the alert, and was left out: the new policy seemed to do nothing."""
    (tmp_path / "events").write_bytes(text_of(log(panes=60, last=60)))
    slower = policy().text.replace('blip = "0s"', 'blip = "30s"')
    alerting = parse(slower + THRESHOLD.replace('"ticket"', '"page"'))
    inputs = inputs_of({"events": [tmp_path / "events"]}, alerting, lambda name, count: None)
    found = heard(inputs, alerting, Stop())
    first = {each.type: each for each in reversed(found.events)}
    alert, rollback = first["alert"], first["rollback"]
    assert (rollback.incident, rollback.update) == (alert.incident, True)
    of_policy = summed("p", found.events, 0, rollback.ts + 1)
    assert of_policy.counts["rollback"] == 1
    assert [each.at for each in of_policy.outcomes["m"]["v2"] if each.type == "rollback"] == [rollback.ts]
    assert of_policy.rules == {"canary": {"rollback": 1}, "slo": {"alert": 1}}


def test_what_a_policy_names_in_vain_is_said(tmp_path: Path) -> None:
    """A policy with a slip in a name says nothing, and looked like a quiet one."""
    text = text_of(log()).splitlines()
    other = [json.dumps(json.loads(line) | {"model": "n"}).encode() for line in text[:7]]
    after = [json.loads(line) for line in text[:5]]
    late = [json.dumps(each | {"request_id": f"l{n}", "ts": each["ts"] + 9 * HOUR_MS}) for n, each in enumerate(after)]
    (tmp_path / "events").write_bytes(b"\n".join([*text, *other, b"{}", *map(str.encode, late)]) + b"\n")
    vain = THRESHOLD + 'targets = { v2 = 0.9, "v3*" = 0.9 }\nslices = ["*", "region=eu", "region=EU"]\n'
    shown = '[[rule]]\nname = "seen"\nkind = "threshold"\nsli = "judged"\ntarget = 0.9\nwindow = "1m"\n'
    judged = '[sli.judged]\ngood = "at_least"\nfield = "feedback.judge"\nlimit = 4\n'
    new = limited(parse('models = ["m", "nn*"]\n' + policy().text + judged + vain + shown))
    asked = Asked(files={"events": [tmp_path / "events"]})
    notes = compare(policy(), new, asked, Stop(), lambda name, count: None).notes
    assert notes == [
        "refused: 1 missing_field; `rollguard replay` of the files keeps them as dead letters",
        "7 came late, and no rule sees them",
        "nothing is of 8 of 8 h, the longest from 2025-10-09 09:00:00Z to 2025-10-09 17:00:00Z: "
        "pages a week count them as quiet",
        "new: 7 items are of models that no file takes: 7 n",
        "new: models has 'nn*', and no event is of such a model",
        "new: rule slo looks at region=EU, and no event is of it",
        "new: rule slo has a target of 'v3*', and no version is such",
        "new: rule seen is about judged, of which no event has anything",
        "now: 1 rollback_ineffective, and pages of them: these events did not follow its rollbacks",
        "new: 1 rollback_ineffective, and pages of them: these events did not follow its rollbacks",
    ]


def test_what_the_request_log_lacks_is_said_of_every_file_of_a_policy() -> None:
    watched = '[[monitor]]\nname = "m"\nkind = "psi"\nwindow = "5m"\nprofile = "all.json"\non = ["features.{name}"]\n'
    names = ("amount", "card")
    texts = {name: f'models = ["{name}"]\n{held_policy().text}{watched.format(name=name)}' for name in names}
    assert unread_of(limited(parse(texts["card"], FILES))) == unread_of(parse(texts["card"], FILES))
    (note,) = unread_of(parse_teams(texts, FILES))
    assert note.endswith("nothing is found on features.amount, features.card")
