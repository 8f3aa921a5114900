"""Profiles of tables in files, of what the store has, and of several times together."""

import csv
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from msgspec.structs import replace
from pyarrow import parquet
from typer.testing import CliRunner, Result

from flows import cli
from operators.profiles.build import build
from operators.profiles.merging import NotMergeable, merged
from operators.profiles.profile import Profile, from_json
from tests.dataflows.test_cli import rollguard

T = 1_763_683_200_000
JUDGED: dict[str, Any] = {"model": "m", "version": "v1", "kind": "judge"}
Reference = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reference:
    """Runs `rollguard reference ...` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(cli.app, ["reference", *map(str, words)])


def built(path: Path | str) -> Profile:
    return from_json(Path(path).read_bytes())


def rows(count: int = 600, seed: int = 3) -> list[dict[str, Any]]:
    """Rows of a table; in every tenth a number is missing."""
    rng = np.random.default_rng(seed)
    return [
        {
            "request_id": f"r{number}",
            "ts": T + 1_000 * number,
            "model": "m",
            "version": f"v{number % 2 + 1}",
            "latency_ms": float(rng.lognormal(5)) if number % 10 else None,
            "prediction": "yes" if number % 4 else "no",
            "amount": float(rng.normal()),
            "card": ["visa", "amex"][number % 2],
        }
        for number in range(count)
    ]


def lines_of(path: Path) -> Iterable[tuple[int, str]]:
    return enumerate(path.read_text().splitlines())


def as_event(row: dict[str, Any]) -> dict[str, Any]:
    features = {name: row[name] for name in ("amount", "card")}
    return {name: value for name, value in row.items() if name not in features} | {"features": features}


def written(path: Path, some: list[dict[str, Any]]) -> Path:
    """The rows in the form that the suffix of the path names."""
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            table = csv.DictWriter(file, list(some[0]))
            table.writeheader()
            table.writerows(some)
    elif path.suffix == ".parquet":
        dated = [row | {"ts": datetime.fromtimestamp(row["ts"] / 1000, UTC)} for row in some]
        parquet.write_table(pa.Table.from_pylist(dated), path)
    else:
        path.write_text("".join(json.dumps(as_event(row)) + "\n" for row in some))
    return path


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_gives_the_profile_of_its_rows_as_events(run: Reference, suffix: str) -> None:
    for name in (f"t.{suffix}", "e.ndjson"):
        words = ("--version", "v1", "--until", "2025-11-21T00:08:00Z", "--out", Path(name).with_suffix(".json"))
        done = run("build", written(Path(name), rows()), *words)
        assert "from 240 of 240 items that fit, 600 read" in done.output
    assert built("t.json") == built("e.json")


def test_a_table_without_any_value_is_refused(run: Reference) -> None:
    """Before, it was a profile of no fields, with which every monitor on "*" watched nothing."""
    Path("t.csv").write_text("amount,kind\n,\nNA,\n")
    done = run("build", "t.csv", "--out", "p.json")
    assert done.exit_code != 0
    assert "none of 2 items has a value of any field" in done.output
    assert not Path("p.json").exists()


def test_a_table_of_training_data_alone_is_a_profile(run: Reference) -> None:
    """No column names an id, a time, a model; what is odd costs its row or its field, as in events."""
    Path("t.csv").write_text("amount,kind,latency_ms\n1.5,a,3\n2.5,b,-7\n,a,4\n")
    done = run("build", "t.csv", "--out", "p.json")
    assert "from 3 of 3 items" in done.output, done.output
    fields = built("p.json").fields
    assert fields["features.amount"].counts == (1, 1, 1, 0)
    assert fields["features.kind"].counts == (2, 1, 0, 0)
    assert fields["latency_ms"].rows == 3


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.parquet", b"no table", "t.parquet"),
        ("t.csv", b"a,b\n1,2,3\n", "Expected 2 columns"),
        ("t.csv", b"", "Empty CSV"),
    ],
)
def test_what_is_no_table_is_one_line(run: Reference, name: str, content: bytes, says: str) -> None:
    Path(name).write_bytes(content)
    done = run("build", name, "--out", "p.json")
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert says in done.output


def test_a_later_week_in_the_bins_of_the_first_is_added_to_it(run: Reference) -> None:
    one, two = rows(seed=1), rows(seed=2)
    run("build", written(Path("1.ndjson"), one), "--out", "1.json")
    assert run("build", written(Path("2.ndjson"), two), "--like", "1.json", "--out", "2.json").exit_code == 0
    done = run("merge", "1.json", "2.json", "--out", "sum.json")
    assert done.exit_code == 0, done.output
    names = [each["request_id"] for each in one]
    both = [row | {"request_id": f"{name}-{at}"} for at, some in enumerate((one, two)) for name, row in zip(names, some, strict=True)]  # fmt: skip  # noqa: E501
    run("build", written(Path("b.ndjson"), both), "--like", "1.json", "--out", "both.json")
    for name, field in built("both.json").fields.items():
        found = built("sum.json").fields[name]
        assert (found.counts, found.edges, found.categories) == (field.counts, field.edges, field.categories)
        if field.moments is not None and found.moments is not None:
            for part in ("n", "mean", "sd", "skewness", "kurtosis", "low", "high"):
                assert getattr(found.moments, part) == pytest.approx(getattr(field.moments, part), rel=1e-9)


def test_other_bins_are_not_added_up(run: Reference) -> None:
    for number in (1, 2):
        run("build", written(Path(f"{number}.ndjson"), rows(seed=number)), "--out", f"{number}.json")
    done = run("merge", "1.json", "2.json", "--out", "sum.json")
    assert (done.exit_code, "has other bins in one of the profiles" in done.output) == (2, True)
    huge = build({"x": [1e300, -1e300, 5e299]})
    moments = merged([huge, huge]).fields["x"].moments
    assert moments is not None
    assert moments.sd == pytest.approx(9.31e299, rel=0.01)
    with pytest.raises(NotMergeable):
        merged([huge, Profile(fields={"x": replace(huge.fields["x"], edges=(0.0, 1.0))})])


def test_what_the_store_counted_since_is_a_profile_of_the_same_bins(tmp_path: Path) -> None:
    """Of its windows, and of its request log: both have what a profile of the file itself has."""
    events = written(tmp_path / "e.ndjson", rows())
    sliced = [{**json.loads(line), "slices": {"region": ("visa", "amex")[at % 3 % 2]}} for at, line in lines_of(events)]
    events.write_text("\n".join(map(json.dumps, sliced)))
    by = ("--by", "region")
    assert rollguard("reference", "build", events, "--out", tmp_path / "p.json", *by).returncode == 0
    policy = '[drift]\nprofile = "p.json"\n[archive]\nids = "full"\n[[monitor]]\nname = "m"\nkind = "psi"\non = "*"\n'
    (tmp_path / "p.toml").write_text(policy + 'window = "1m"\nslices = ["*", "region"]\n')
    done = rollguard("replay", events, "--policy", tmp_path / "p.toml", "--archive", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    like = ("--like", tmp_path / "p.json", "--data", tmp_path / "out", "--model", "m")
    for source in ("--store", "--requests"):
        done = rollguard("reference", "build", source, *like, *by, "--out", tmp_path / f"{source}.json")
        assert done.returncode == 0, done.stderr
    first, counted, logged = (built(tmp_path / name) for name in ("p.json", "--store.json", "--requests.json"))
    for name, field in first.fields.items():
        assert counted.fields[name].counts == field.counts
        assert counted.fields[name].slices == field.slices
        if not name.startswith("features."):
            assert logged.fields[name].counts == field.counts
    found, known = counted.fields["features.amount"].moments, first.fields["features.amount"].moments
    assert found is not None and known is not None  # noqa: PT018
    assert (found.n, found.low, found.high) == (known.n, known.low, known.high)
    assert (found.mean, found.sd) == pytest.approx((known.mean, known.sd), rel=1e-6)
    parts = [dict(each.fields["features.amount"].slice_moments or ()) for each in (counted, first)]
    assert parts[0].keys() == parts[1].keys() == {"region=amex", "region=visa"}
    for text, part in parts[1].items():
        assert parts[0][text].n == part.n
        assert (parts[0][text].mean, parts[0][text].sd) == pytest.approx((part.mean, part.sd), rel=1e-6)
    for more, says in ((like, "has counted no slice by segment"), (like[2:], "add --like")):
        done = rollguard("reference", "build", "--store", *more, "--by", "segment", "--out", tmp_path / "no.json")
        assert (done.returncode, says in done.stderr) == (2, True)


def week_of(name: str, seed: int, **changed: Any) -> Path:
    """Rows whose values of some fields are others; None takes a feature away."""
    some = [row | changed | {"request_id": f"{name}-{row['request_id']}"} for row in rows(seed=seed)]
    path = written(Path(f"{name}.ndjson"), some)
    items = [{**json.loads(line), "slices": {"region": ("eu", "us")[at % 2]}} for at, line in lines_of(path)]
    for item in items:
        item["features"] = {key: value for key, value in item["features"].items() if value is not None}
    for item in items[:60] if name == "flagged" else ():
        item["flags"] = ["refused"]
    path.write_text("\n".join(map(json.dumps, items)))
    return path


def test_what_a_later_week_lacks_counts_when_it_is_added(run: Reference) -> None:
    """A feature that no longer comes, a flag that was not raised, a category of which all are new; slices go on."""
    one, two = week_of("flagged", 1), week_of("two", 2, amount=None, card="cash")
    run("build", one, "--by", "region", "--out", "1.json")
    done = run("build", two, "--like", "1.json", "--out", "2.json")
    assert done.exit_code == 0, done.output
    assert "features.amount: no item has a value: it counts as missing" in done.output
    run("build", one, "--like", "1.json", "--out", "first.json")
    run("build", one, two, "--like", "1.json", "--out", "both.json")
    assert run("merge", "1.json", "2.json", "--out", "sum.json").exit_code == 0
    found, both = built("sum.json").fields, built("both.json").fields
    assert found.keys() == both.keys()
    for name, field in both.items():
        assert (found[name].counts, found[name].slices) == (field.counts, field.slices), name
    assert found["features.amount"].missing_share == 0.5
    assert found["flags.refused"].counts[:2] == (1140, 60)
    assert "features.amount  number    600   100.00%" in run("show", "2.json").output


def test_a_table_says_nothing_of_fields_that_it_does_not_have(run: Reference) -> None:
    table = [{key: row[key] for key in ("card", "ts")} for row in rows()]
    run("build", week_of("1", 1), "--out", "1.json")
    parquet.write_table(pa.Table.from_pylist(table), "t.parquet")
    done = run("build", "t.parquet", "--like", "1.json", "--out", "2.json")
    assert list(built("2.json").fields) == ["features.card"]
    assert "latency_ms: left out: no row has a value" in done.output
    parquet.write_table(pa.table({"ts": [T] * 200, "other": [1.5] * 200}), "t.parquet")
    assert "no item has a value of its fields; there are features.other" in run("build", "t.parquet", "--like", "1.json", "--out", "2.json").output  # fmt: skip  # noqa: E501


def test_feedback_that_windows_leave_out_is_none_of_a_profile(run: Reference) -> None:
    """What a judge scored because somebody complained, or for its slice alone, is like no version's answers."""
    written(Path("e.ndjson"), rows(100))
    samples = [None, "report", "floor"]
    items = [JUDGED | {"request_id": f"r{at}", "ts": T + at, "value": 5.0 - 4 * bool(at % 3), "sample": samples[at % 3]} for at in range(300)]  # fmt: skip  # noqa: E501
    Path("f.ndjson").write_text("\n".join(map(json.dumps, items)))
    run("build", "e.ndjson", "--feedback", "f.ndjson", "--out", "p.json")
    moments = built("p.json").fields["feedback.judge"].moments
    assert moments is not None
    assert (moments.n, moments.low, moments.high) == (100, 5.0, 5.0)
