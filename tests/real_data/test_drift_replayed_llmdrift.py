"""GPT-4 of June 2023 is another model than that of March (LLMDrift): found in its first hour, and nothing before.

Through the command line: a profile of March's first hour, then a replay with March as the baseline of a release. March
serves for two hours, in the second beside June; both are asked the same, 1,000 times an hour.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from operators.profiles.profile import from_json
from tests.policies import base
from tests.real_data import llmdrift
from tests.real_data.replayed import Item, Replayed, lines, reference_built, replayed

pytestmark = pytest.mark.real_data

HOUR_MS = 3_600_000
POLICY = (
    base("dataset", pane="1m", disorder="2m", tumbling=["1h"], measures=["output_tokens"])
    + """
[drift]
profile = "profile.json"
[[monitor]]
name = "against-march"
kind = "psi"
on = ["feedback.judge", "output_tokens"]
reference = "baseline"
slices = ["*", "dataset"]
[[monitor]]
name = "judge"
kind = "sigma"
on = "feedback.judge"
slices = ["*", "dataset"]
[[rule]]
name = "drifted"
kind = "drift"
monitors = ["against-march", "judge"]
slices = ["*", "dataset"]
"""
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    here = tmp_path_factory.mktemp("gpt4")
    events, feedback = (_served(items) for items in (llmdrift.requests(), llmdrift.scores()))
    made = lines(here / "e.ndjson", events), "--feedback", lines(here / "f.ndjson", feedback)
    reference_built(here / "profile.json", *made, "--version", "0314", "--until", "2023-07-16T13:00:00Z")
    assert set(from_json((here / "profile.json").read_bytes()).fields) >= {"feedback.judge", "output_tokens"}
    (here / "policy.toml").write_text(POLICY)
    with replayed(here, str(here / "policy.toml"), {"events": events}, feedback) as store:
        yield store


def _served(items: list[Item]) -> list[Item]:
    served: list[Item] = []
    for item in items:
        if item["model"] == "gpt-4":
            ours = item | {"slices": {"dataset": item["slices"]["dataset"]}}
            again = ours | {"ts": item["ts"] + HOUR_MS, "request_id": item["request_id"] + "+"}
            served += [ours, again] if item["version"] == "0314" else [again]
    return sorted(served, key=lambda item: item["ts"])


def _bad(store: Replayed) -> list[dict[str, Any]]:
    return store.rows("SELECT * FROM drift_latest WHERE verdict = 'BAD' ORDER BY ALL")


def test_gpt4_of_june_is_found_in_its_first_hour_and_march_is_not(store: Replayed) -> None:
    bad = _bad(store)
    assert {row["version"] for row in bad} == {"0613"}
    assert {row["window_end"] for row in bad} == {datetime(2023, 7, 16, 14)}  # noqa: DTZ001  # The driver gives UTC.
    judged = {(row["method"], row["slice"]) for row in bad if row["field"] == "feedback.judge"}
    # Primes: 488 of 500 right, then 12. Composites: 352, then 499: a change, and no fall.
    assert judged == {
        ("psi", "*"),
        ("psi", "dataset=composite"),
        ("psi", "dataset=prime"),
        ("sigma", "*"),
        ("sigma", "dataset=prime"),
    }
    assert {row["n_reference"] for row in bad if row["slice"] == "dataset=prime"} == {500}


def test_it_holds_the_promotion(store: Replayed) -> None:
    assert store.summary["control"] == {"alert": 1, "hold": 1}
    said = store.rows("SELECT type, version, evidence, slices FROM control_latest WHERE type = 'alert'")
    assert said[0]["version"] == "0613"
    assert "feedback.judge" in said[0]["evidence"]
    assert "dataset=prime" in said[0]["slices"]
