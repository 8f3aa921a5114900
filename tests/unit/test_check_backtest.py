"""`rollguard check --backtest`: what a policy's false alarms are on somebody's own data, and what would avoid them."""

import io
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from flows.backtest.false_alarms import FalseAlarms
from flows.backtest.printing_alarms import print_alarms
from flows.cli import app
from operators.drift.registry import KINDS
from operators.policy_file.toml import parse
from operators.profiles.build import build
from operators.profiles.profile import to_json
from tests.drifting import BASE as EACH_MINUTE
from tests.drifting import MODEL, START_MS, D, M, Run, event

BASE = EACH_MINUTE.replace('"1m"', '"10m"')
MONITORS = """
[drift]
profile = "p.json"

[[monitor]]
name = "hourly"
kind = "psi"
on = "features.x"
slices = ["*", "region"]

[[monitor]]
name = "errors"
kind = "page_hinkley"
on = "sli.ok"

[[monitor]]
name = "contract"
kind = "contract"
on = "features.x"

[[rule]]
name = "told"
kind = "drift"
monitors = ["hourly"]
action = "alert"
severity = "page"
"""


def events() -> list[dict[str, Any]]:
    """A day of 30 events an hour and region: x is higher by night, and at noon all fails for an hour."""
    rng = np.random.default_rng(7)
    found = []
    for at in range(24 * 60):
        hour = at // 60
        found.append(
            event(
                START_MS + at * M + 1,
                region="eu" if at % 2 else "us",
                features={"x": float(rng.normal(1.0 if hour < 6 else 0.0))},
                error_type="timeout" if hour == 12 else None,
            )
        )
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("day")
    rng = np.random.default_rng(8)
    (path / "events.ndjson").write_text("\n".join(map(json.dumps, events())))
    profile = build({"features.x": rng.normal(np.where(np.arange(20_000) % 24 < 6, 1.0, 0.0)).tolist()})
    (path / "p.json").write_bytes(to_json(profile))
    (path / "policy.toml").write_text(BASE + MONITORS)
    return path


def run(folder: Path, *more: object, policy: str = "policy.toml") -> Result:
    words = ["check", "--backtest", folder / "events.ndjson", "--policy", folder / policy, *more]
    return CliRunner().invoke(app, [str(word) for word in words])


def measured(folder: Path, policy: str = "policy.toml") -> dict[str, Any]:
    result = run(folder, "--json", policy=policy)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Any]:
    return measured(folder)


def by_name(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["monitor"]: each for each in found["monitors"]}


def test_alarms_are_those_of_the_worker_beside_what_is_promised(folder: Path, found: dict[str, Any]) -> None:
    weeks = ((24 * 60 - 1) * M + 1) / (7 * D)
    assert (found["items"], found["refused"]) == (24 * 60, 0)
    assert found["weeks"] == pytest.approx(weeks, abs=1e-4)
    policy = parse((folder / "policy.toml").read_text(), {"p.json": (folder / "p.json").read_bytes()})
    bad = [drift.monitor for drift in Run(policy, events()).bad]
    of = by_name(found)
    assert {name: each["alarms"] for name, each in of.items()} == {
        name: bad.count(name) for name in ("hourly", "errors", "contract")
    }
    hourly, errors = of["hourly"], of["errors"]
    assert hourly["alarms"] > 3
    assert errors["alarms"] == 1, "they begin; what is as it was before is no news"
    assert (hourly["series"], errors["series"], of["contract"]["series"]) == (3, 1, 1)
    assert hourly["a_week"] == pytest.approx(hourly["alarms"] / weeks)
    assert hourly["a_week_and_series"] == pytest.approx(hourly["alarms"] / weeks / 3)
    assert hourly["a_week_promised"] == pytest.approx(0.168, abs=0.001)
    assert errors["a_week_promised"] == pytest.approx(0.083 / 60, abs=0.0001), "of panes of ten minutes"
    assert (hourly["more"], errors["more"], of["contract"]["more"]) == (True, True, False)
    assert of["contract"]["suggestion"] is None
    said = next(each for each in found["rules"] if each["rule"] == "told")
    assert said["incidents"] == said["pages"] > 0


def test_what_is_suggested_keeps_to_the_promise(folder: Path, found: dict[str, Any]) -> None:
    before = by_name(found)
    text = (folder / "policy.toml").read_text()
    for name, key in (("hourly", "psi_min"), ("errors", "threshold")):
        said = before[name]["suggestion"]
        assert list(said["limits"]) == [key]
        assert said["limits"][key] > before[name]["limits"][key]
        text = text.replace(f'name = "{name}"\n', f'name = "{name}"\n{key} = {said["limits"][key]}\n')
    (folder / "milder.toml").write_text(text)
    after = by_name(measured(folder, "milder.toml"))
    for name in ("hourly", "errors"):
        assert not after[name]["more"]
        assert after[name]["alarms"] == before[name]["suggestion"]["alarms"]
        assert after[name]["a_week"] <= before[name]["a_week_promised"]


def test_windows_with_too_few_events_to_alarm_are_named(found: dict[str, Any]) -> None:
    """Of 30 events an hour in each region PSI says nothing: that it does not alarm is no good news."""
    of = by_name(found)
    assert {name: (each["heard"], each["insufficient"]) for name, each in of.items()} == {
        "hourly": (72, 48), "errors": (3, 0), "contract": (24, 0),
    }  # fmt: skip
    said = printed(found)
    assert "hourly had too few events to say anything in 48 of 72 windows of its series" in said
    assert "errors had" not in said


def test_a_day_cannot_show_that_a_promise_of_weeks_is_kept(found: dict[str, Any]) -> None:
    """None in a day: at up to 21 a week such a day comes in one of twenty, whatever limits were tried."""
    hourly = by_name(found)["hourly"]
    assert hourly["suggestion"]["alarms"] == 0
    assert np.exp(-hourly["suggestion"]["a_week_most"] * found["weeks"]) == pytest.approx(0.05, rel=1e-2)
    said = printed(found)
    assert "would have kept to it (0 a week), but it may be 21 a week in other times: the files are too short" in said
    assert "18 weeks without an alarm would show it" in said
    assert "too short to show of hourly, errors, contract: it takes up to" in said
    longer = found | {"weeks": 20_000.0}
    assert "too short to show" not in printed(longer)


def printed(found: dict[str, Any]) -> str:
    text = io.StringIO()
    print_alarms(msgspec.convert(found, FalseAlarms), Console(file=text, width=200))
    return text.getvalue()


def test_a_table_says_what_to_set(found: dict[str, Any]) -> None:
    for words in (
        "Each alarm counts as false",
        "less than a week",
        "hourly alarms surely more often than promised: psi_min = ",
        "errors alarms surely more often than promised: threshold = ",
        "incidents",
    ):
        assert words in printed(found)


def test_labels_that_come_long_after_make_no_more_weeks(folder: Path, found: dict[str, Any]) -> None:
    """As many alarms a week, and as many more than promised, however late the labels of these events are."""
    label = event(START_MS + 60 * D, kind="label", value="yes", prediction="yes")
    (folder / "labels.ndjson").write_text(json.dumps(label))
    done = json.loads(run(folder, "--json", "--feedback", folder / "labels.ndjson").stdout)
    assert (done["weeks"], done["items"]) == (found["weeks"], found["items"] + 1)
    assert by_name(done)["hourly"]["a_week"] == by_name(found)["hourly"]["a_week"]


def test_where_no_limit_helps_it_says_so(folder: Path, tmp_path: Path) -> None:
    """All values are outside of what the profile has: PSI is far above ten times its limit."""
    lines = (event(START_MS + at * M + 1, features={"x": 100.0}) for at in range(180))
    (tmp_path / "events.ndjson").write_text("\n".join(map(json.dumps, lines)))
    table = '[[monitor]]\nname = "hourly"\nkind = "psi"\non = "features.x"\nprofile = "p.json"\n'
    (tmp_path / "policy.toml").write_text(BASE + table)
    (tmp_path / "p.json").write_bytes((folder / "p.json").read_bytes())
    found = measured(tmp_path)
    hourly = by_name(found)["hourly"]
    assert hourly["alarms"] == hourly["suggestion"]["alarms"] == 3
    assert hourly["suggestion"]["limits"] == {}
    assert hourly["suggestion"]["tried"] == {"psi_min": 2.0}
    assert "with psi_min = 2 still 1.7e+02 times a week: what it watches changes by itself" in printed(found)


def test_each_team_has_its_own(folder: Path, found: dict[str, Any]) -> None:
    (folder / "teams").mkdir()
    for name, models in (("a", f'models = ["{MODEL}"]\n'), ("default", "")):
        (folder / "teams" / f"{name}.toml").write_text(models + BASE + MONITORS.replace("p.json", "../p.json"))
    of_teams = measured(folder, "teams")
    alone = by_name(found)
    of_team = {(each["team"], each["monitor"]): each for each in of_teams["monitors"]}
    assert of_team["a", "hourly"]["alarms"] == alone["hourly"]["alarms"]
    assert of_team["a", "hourly"]["suggestion"] == alone["hourly"]["suggestion"]
    assert of_team["default", "hourly"]["alarms"] == of_team["default", "hourly"]["series"] == 0


def test_files_without_an_event_are_refused(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(BASE)
    (tmp_path / "events.ndjson").write_text("{}\nnone\n")
    result = run(tmp_path)
    assert result.exit_code == 2
    assert result.stderr == "rollguard: --backtest: the files have no events; 2 items were refused\n"
    (tmp_path / "events.ndjson").write_text("")
    assert run(tmp_path).stderr == "rollguard: --backtest: the files have no events\n"


def test_milder_limits_are_ones_that_a_policy_may_have() -> None:
    """Each is written as a policy has it and read again."""
    profile = to_json(build({"features.x": [1.0, 2.0, 3.0], "feedback.judge": [1.0, 2.0]}))
    on = {"sigma": "feedback.judge", "adwin": "sli.ok", "page_hinkley": "sli.ok"}
    for kind in KINDS.values():
        if kind.name == "embedding":
            continue
        fields = "" if "on" in getattr(kind.monitor, "unwritten", ()) else f'on = "{on.get(kind.name, "features.x")}"\n'
        table = f'[drift]\nprofile = "p.json"\n[[monitor]]\nname = "m"\nkind = "{kind.name}"\n{fields}'
        (monitor,) = parse(BASE + table, {"p.json": profile}).monitors
        milder = kind.limit.milder(monitor)
        assert len(milder) >= 5, kind.name
        for each in milder:
            keys = "".join(f"{key} = {value!r}\n" for key, value in kind.limit.of(each).items())
            assert parse(BASE + table + keys, {"p.json": profile}).monitors == (each,)
        alarms = [kind.false_alarms(each, M, 1) for each in (monitor, *milder)]
        assert alarms == sorted(alarms, reverse=True)
