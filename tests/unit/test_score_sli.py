"""SLIs on judgements by criterion and source, on several SLIs at once, and on error types by name."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from operators.ingest.formats.format import Stream
from operators.ingest.messages import Messages
from operators.ingest.partition import Partition
from operators.policy.errors import PolicyError
from operators.policy_file.toml import parse
from tests.dataflows.making import POLICY, START_MS

BASE = POLICY.partition("[sli.availability]")[0]
HELP = '[sli.help]\ngood = "score_at_least"\ncriterion = "help"\nlimit = 4\n'


def counts(
    slis: str, items: Sequence[dict[str, Any]], stream: Stream = "feedback", size: int = 1_000
) -> list[list[int]]:
    """Good, bad and neither of each SLI, of items that come in batches of `size`."""
    policy = parse(BASE + slis)
    partition = Partition("t/0", stream, ("t/0",), policy)
    total = np.zeros((len(policy.slis), 3), np.int64)
    for at in range(0, len(items), size):
        values = [json.dumps(each).encode() for each in items[at : at + size]]
        received = np.full(len(values), START_MS + 10**7)
        batch = partition.take(Messages(values=values, positions=range(at, at + len(values)), received_ms=received))
        assert not batch.rejects
        for _, each in batch.inputs:
            for _, partial in each.partials:
                total += partial.slis.sum(axis=0)
    return total.tolist()


def judgement(request: str, value: object, name: str = "help", source: str = "j@1", **more: Any) -> dict[str, Any]:
    body = {"request_id": request, "ts": START_MS, "kind": "judge", "name": name, "value": value, "source": source}
    return body | {"model": "m", "version": "v"} | more


def test_a_criterion_is_counted_by_its_name_and_kind() -> None:
    items = [judgement("a", 4), judgement("b", 3.9), judgement("c", 5, name="tone"), judgement("d", 5, kind="safety")]
    assert counts(HELP, items) == [[1, 1, 0]]
    assert counts(HELP + 'kind = "safety"\n', items) == [[1, 0, 0]]


def test_what_is_true_passes_a_limit_of_one_and_what_is_no_number_is_neither() -> None:
    items = [judgement("a", True), judgement("b", False), judgement("c", "good")]
    assert counts(HELP.replace("4", "1"), items) == [[1, 1, 1]]


@pytest.mark.parametrize("size", [1, 2, 1_000])
def test_two_sources_that_judge_one_criterion_of_a_request_count_once(size: int) -> None:
    items = [
        judgement("a", 5),
        judgement("a", 1, source="k@1"),
        judgement("b", 1, source="k@1"),
        judgement("a", 5, "tone"),
    ]
    by = [HELP.replace("help]", f"{name}]") + f'source = "{source}"\n' for name, source in (("j", "j"), ("k", "k@1"))]
    assert counts(HELP + by[0] + by[1], items, size=size) == [[1, 1, 0], [1, 0, 0], [0, 2, 0]]


def test_of_another_request_model_or_version_it_is_another_judgement() -> None:
    items = [judgement("a", 5), judgement("b", 5), judgement("a", 5, version="v2"), judgement("a", 5, model="n")]
    assert counts(HELP, items) == [[4, 0, 0]]


def test_what_was_judged_before_is_known_after_a_restart() -> None:
    policy = parse(BASE.replace("[slices]", '[dedup]\nhorizon = "10m"\n\n[slices]') + HELP)
    values = [json.dumps(judgement("a", 5, source=f"j{at}@1")).encode() for at in range(2)]
    received = np.full(1, START_MS + 10**7)
    first, second = (Messages(values=[value], positions=[at], received_ms=received) for at, value in enumerate(values))
    before = Partition("t/0", "feedback", ("t/0",), policy)
    before.take(first)
    state = before.state
    again = Partition("t/0", "feedback", ("t/0",), policy)
    again.state = state
    assert state.remembered is not None
    again.remember_from(state.remembered)
    again.remember(first)
    batch = again.take(second)
    assert sum(int(partial.slis.sum()) for _, each in batch.inputs for _, partial in each.partials) == 0


def test_a_judge_that_is_not_believed_says_nothing_of_a_version() -> None:
    items = [judgement("a", 1, standing="disagrees"), judgement("b", 5, standing="new"), judgement("c", 5)]
    quality = '[sli.quality]\ngood = "at_least"\nfield = "feedback.judge"\nlimit = 4\n'
    assert counts(HELP + quality, items) == [[1, 0, 2], [1, 0, 2]]
    assert counts(HELP, [judgement("a", 1, standing={"odd": 1})]) == [[0, 1, 0]]


def test_what_was_drawn_for_a_slice_alone_counts_where_the_policy_says_so() -> None:
    items = [judgement("a", 5, sample="floor"), judgement("b", 1, sample="share"), judgement("c", 5)]
    assert counts(HELP, items) == [[1, 1, 0]]
    assert counts(HELP + 'sample = "any"\n', items) == [[2, 1, 0]]


@pytest.mark.parametrize("good", ["at_least", "at_most"])
@pytest.mark.parametrize("field", ["feedback.judge", "feedback.judge.help"])
def test_what_is_like_no_versions_answers_counts_in_no_limit_of_judgements(good: str, field: str) -> None:
    """A larger rate of one slice would weigh it more than the others, and complaints are of bad answers."""
    sli = f'[sli.quality]\ngood = "{good}"\nfield = "{field}"\nlimit = 3\n'
    drawn = [judgement("b", 1, sample="share"), judgement("c", 5)]
    aside = [judgement("a", 1, sample="floor"), judgement("d", 5, sample="floor"), judgement("e", 1, sample="report")]
    assert counts(sli, drawn + aside) == counts(sli, drawn) == [[1, 1, 0]]


@pytest.mark.parametrize("size", [1, 1_000])
def test_a_complaint_that_is_judged_first_takes_no_place_of_the_sample(size: int) -> None:
    items = [judgement("a", 1, sample="report"), judgement("a", 5, sample="share"), judgement("a", 1, source="k@1")]
    assert counts(HELP, items, size=size) == [[1, 0, 0]]


def event(number: int, **more: Any) -> dict[str, Any]:
    return {"request_id": f"r{number}", "ts": START_MS, "model": "m", "version": "v", "latency_ms": 10} | more


PARTS = """
[sli.up]
good = "no_error"
ignore = ["cancelled"]
[sli.json]
good = "at_least"
field = "metrics.json_ok"
limit = 1
[sli.polite]
good = "flag_absent"
flags = ["toxic"]
[sli.success]
good = "all_of"
slis = ["up", "json", "polite"]
"""


def test_a_success_is_what_all_call_good() -> None:
    fine = {"metrics": {"json_ok": 1}}
    items = [
        event(0, **fine),
        event(1, **fine, flags=["toxic"]),
        event(2, metrics={"json_ok": 0}),
        event(3, **fine, error_type="500"),
        event(4),  # Nobody knows whether it is JSON,
        event(5, flags=["toxic"]),  # but that is bad whatever it is.
        event(6, **fine, error_type="cancelled"),
    ]
    assert counts(PARTS, items, "events")[3] == [1, 4, 2]


def test_error_types_by_name() -> None:
    slis = '[sli.in_time]\ngood = "no_error"\nerrors = ["timeout", "deadline"]\nignore = ["cancelled"]\n'
    kinds = [None, "timeout", "500", "deadline", "cancelled", ["odd"]]
    items = [event(at, error_type=kind) for at, kind in enumerate(kinds)]
    assert counts(slis, items, "events") == [[2, 2, 2]]


@pytest.mark.parametrize(
    ("slis", "says"),
    [
        (
            PARTS.replace('"json", "polite"', '"jsn"'),
            "sli.success.slis = 'jsn': must be one of the other SLIs on events",
        ),
        (PARTS.replace('"json", "polite"', '"up"'), "sli.success.slis = 'up': is named twice"),
        (PARTS.replace('"json", "polite"', '"success"'), "sli.success.slis = 'success': must be one of the other SLIs"),
        (PARTS.replace(', "json", "polite"', ""), "sli.success.slis = ['up']: must name two SLIs or more"),
        (PARTS.replace('"json", ', '"help", ') + HELP, "sli.success.slis = 'help': must be one of the other SLIs on"),
        (HELP.replace('criterion = "help"\n', ""), "sli.help.criterion = None: is required with good"),
        (HELP + 'sample = "all"\n', "sli.help.sample = 'all': must be one of share, any"),
        (HELP + 'ignore = ["x"]\n', "sli.help.ignore = ['x']: names error types"),
        ('[sli.up]\ngood = "no_error"\nerrors = ["a"]\nignore = ["a"]\n', "sli.up.errors = 'a': is in ignore, too"),
    ],
)
def test_a_wrong_one_is_refused(slis: str, says: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse(BASE + slis)
    assert str(caught.value).startswith(says)
