"""`rollguard reference`: a profile of files, what is in it, what bounds it, and what is refused in one line."""

import gzip
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from flows import cli
from flows.reference import items as reference_items
from operators.profiles.binning import bins_of
from operators.profiles.profile import Profile, from_json
from operators.wire.events import Event
from tests.forked import rollguard

T = 1_763_683_200_000
Reference = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reference:
    """Runs `rollguard reference ...` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(cli.app, ["reference", *map(str, words)])


def event(number: int, **fields: Any) -> dict[str, Any]:
    return {"request_id": f"r{number}", "ts": T + 1_000 * number, "model": "m", "version": "v1", **fields}


def written(name: str, items: Iterable[dict[str, Any]]) -> Path:
    path, text = Path(name), "".join(json.dumps(item) + "\n" for item in items).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def built(path: str = "p.json") -> Profile:
    return from_json(Path(path).read_bytes())


def requests(count: int = 400) -> list[dict[str, Any]]:
    rng = np.random.default_rng(3)
    return [
        event(
            number,
            features={"amount": float(rng.normal()), "card": ["visa", "amex"][number % 2]},
            prediction="yes" if number % 4 else "no",
            score=float(rng.random()),
            output_tokens=number % 50,
            flags=["refused"] if number % 10 == 0 else [],
            embedding=rng.normal(loc=number % 3 * 10, size=4).tolist(),
        )
        for number in range(count)
    ]


def test_every_field_that_occurs_is_in_the_profile(run: Reference) -> None:
    judged = [event(number, kind="judge", value=number % 5 + 1) for number in range(100)]
    done = run(
        "build", written("e.ndjson.gz", requests()), "--feedback", written("f.ndjson", judged), "--out", "p.json"
    )
    assert done.exit_code == 0, done.output
    fields = built().fields
    assert set(fields) == {
        "features.amount", "features.card", "prediction", "score", "output_tokens", "flags.refused", "feedback.judge",
    }  # fmt: skip
    assert fields["features.card"].counts == (200, 200, 0, 0)
    assert fields["prediction"].counts == (100, 300, 0, 0)
    assert fields["flags.refused"].counts[:2] == (360, 40)
    assert fields["feedback.judge"].counts[:5] == (20,) * 5
    assert f"profile {built().name} of 7 fields, from 500 of 500 items that fit, 500 read" in done.output


def test_only_what_is_asked_for_counts(run: Reference) -> None:
    others = [
        event(n, model=model, version=version) for n in range(50) for model, version in (("o", "v1"), ("m", "v2"))
    ]
    path = written("e.ndjson", [*requests(), *({**other, "features": {"amount": 99}} for other in others)])
    asked = (
        "--model",
        "m",
        "--version",
        "v1",
        "--from",
        "2025-11-21T00:01:40Z",
        "--until",
        "2025-11-21T01:05:00+01:00",
    )
    done = run("build", path, "--out", "p.json", *asked, "--field", "features.amount")
    assert done.exit_code == 0, done.output
    assert list(built().fields) == ["features.amount"]
    assert built().fields["features.amount"].rows == 200


def test_fields_are_read_as_the_job_will_read_them(run: Reference) -> None:
    """A failed event's latency of zero is none; what cannot be watched is left out."""
    items = [event(number, error_type="500", latency_ms=0) for number in range(10)]
    items += [event(10 + number, latency_ms=number, features={"": 1}) for number in range(10)]
    judged = [event(number, kind="report", value=1) for number in range(5)]
    judged += [event(number, kind="judge", value=[None, True][number % 2]) for number in range(6)]
    done = run("build", written("e.ndjson", items), "--feedback", written("f.ndjson", judged), "--out", "p.json")
    assert done.exit_code == 0, done.output
    assert set(built().fields) == {"latency_ms", "feedback.judge"}
    assert built().fields["latency_ms"].counts[-2:] == (10, 0)
    assert built().fields["feedback.judge"].counts == (0, 3, 0, 3, 0)


def test_embeddings_become_clusters(run: Reference) -> None:
    items = [*requests(300), event(900), event(901, embedding=[1, 2]), event(902, embedding="broken")]
    done = run("build", written("e.ndjson", items), "--out", "p.json", "--embedding", "--clusters", 3)
    assert done.exit_code == 0, done.output
    embedding = built().embedding
    assert embedding is not None
    assert embedding.counts == (100, 100, 100, 1, 2)


def test_a_sample_is_the_same_in_any_order_and_cut(run: Reference) -> None:
    items = requests(2_000)
    whole = run("build", written("a.ndjson", items), "--out", "a.json", "--sample", 300, "--embedding")
    halves = [written("b.ndjson", items[::-2]), written("c.ndjson", items[-2::-2])]
    parts = run("build", *halves, "--out", "b.json", "--sample", 300, "--embedding")
    assert "from 300 of 2000 items" in whole.output
    assert whole.exit_code == parts.exit_code == 0
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()


def test_a_sample_needs_no_more_memory_than_its_size() -> None:
    def endless() -> Iterable[Event]:
        for number in range(20_000):
            yield Event(request_id=f"r{number}", ts=T, model="m", version="v1")

    kept = reference_items.sampled(endless(), 500)
    assert len(kept) == 500
    places = [reference_items._hash(item.request_id) for item in kept]
    assert max(places) < 0.035 * 2**64  # 500 of 20,000 are the lowest fortieth.


def test_show_prints_what_a_person_asks_of_a_profile(run: Reference) -> None:
    run("build", written("e.ndjson", requests()), "--out", "p.json", "--embedding", "--clusters", 3)
    shown = run("show", "p.json")
    assert shown.exit_code == 0, shown.output
    assert f"profile {built().name}" in shown.output
    assert "features.amount" in shown.output
    assert "3 clusters" in shown.output
    assert run("show", "p.json", "--format", "json").output.encode() == Path("p.json").read_bytes()


@pytest.mark.parametrize("size", [1e80, 1e308])
def test_a_profile_of_huge_numbers_is_built_and_read_back(run: Reference, size: float) -> None:
    """Their powers once ended the command, and their sums wrote a profile that could not be read."""
    items = [event(at, features={"amount": size * (at % 3 - 1)}, embedding=[size, at % 2 * size]) for at in range(60)]
    done = run("build", written("e.ndjson", items), "--out", "p.json", "--embedding", "--clusters", 2)
    assert (done.exit_code, done.output.count("\n")) == (0, 1), done.output
    assert run("show", "p.json").exit_code == 0
    assert built().fields["features.amount"].counts == (20, 20, 20, 0, 0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("build", "e.ndjson", "--out", "p.json", "--model", "other"), "none of 400 items fits"),
        (("build", "e.ndjson", "--out", "p.json", "--field", "features.fee"), "--field features.fee: no item has it"),
        (("build", "e.ndjson", "--out", "p.json", "--from", "yesterday"), "--from 'yesterday': must be a time"),
        (("build", "e.ndjson", "--out", "p.json", "--until", "2025-11-21T00:00:00"), "needs an offset"),
        (("build", "plain.ndjson", "--out", "p.json", "--embedding"), "--embedding: none of 1 events has one"),
        (("show", "e.ndjson"), "e.ndjson: is no profile"),
    ],
)
def test_wrong_use_is_one_line(run: Reference, words: Sequence[str], says: str) -> None:
    written("e.ndjson", requests())
    written("plain.ndjson", [event(1, score=1)])
    done = run(*words)
    assert done.exit_code == 2
    assert says in done.output
    assert done.output.startswith("rollguard: ")
    assert done.output.count("\n") == 1


def test_a_store_that_is_not_there_is_not_made(run: Reference) -> None:
    done = run("build", "--store", "--data", "nowhere", "--out", "p.json")
    assert done.exit_code == 2
    assert "no store there" in done.output
    assert not Path("nowhere").exists()


def test_a_file_that_is_not_there_is_wrong_use(run: Reference) -> None:
    assert run("build", "none.ndjson", "--out", "p.json").exit_code == 2
    assert run("show", "none.json").exit_code == 2


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a replay by the default policy."""
    here = tmp_path_factory.mktemp("stored")
    rng = np.random.default_rng(8)
    items = [
        event(number, version=f"v{number % 2 + 1}", **({"latency_ms": float(rng.lognormal(5))} if number % 10 else {}))
        for number in range(2_000)
    ]
    (here / "e.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))
    done = rollguard("replay", here / "e.ndjson", "--out", here / "out")
    assert done.returncode == 0, done.stderr
    return here


def test_measures_come_from_the_store_too(run: Reference, stored: Path) -> None:
    """Bin by bin the counts of the store are those of the values; deviations are within 1 %."""
    done = run("build", "--store", "--data", stored / "out", "--version", "v1", "--out", "p.json")
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in (stored / "e.ndjson").read_text().splitlines()]
    values = [item.get("latency_ms") for item in lines if item["version"] == "v1"]
    field = built().fields["latency_ms"]
    assert list(field.counts) == np.bincount(bins_of(field, values), minlength=field.bins).tolist()
    assert len(field.edges) == 9
    known = np.array([value for value in values if value is not None])
    moments = field.moments
    assert moments is not None
    assert (moments.low, moments.high) == (known.min(), known.max())
    assert moments.mean == pytest.approx(known.mean(), rel=1e-9)
    assert moments.sd == pytest.approx(known.std(ddof=1), rel=0.01)
    within = run("build", "--store", "--data", stored / "out", "--until", "2025-11-21T00:10:00Z", "--out", "q.json")
    assert within.exit_code == 0, within.output
    assert built("q.json").fields["latency_ms"].rows == 600


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--model", "other"), "the store has no measure that fits"),
        (("--field", "features.amount"), "the store keeps values of measures alone"),
        (("--embedding",), "needs one of: files"),
        (("e.ndjson",), "needs one of: files"),
    ],
)
def test_what_the_store_does_not_have_is_refused(run: Reference, stored: Path, words: Sequence[str], says: str) -> None:
    done = run("build", "--store", "--data", stored / "out", "--out", "p.json", *words)
    assert done.exit_code == 2
    assert says in done.output
    assert done.output.count("\n") == 1
