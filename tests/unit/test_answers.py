"""What feedback gets of the request log: what it lacks, of the answer that it is about, and nothing that it says."""

import json
from typing import Any

import msgspec
import pytest

from operators.ingest.answers import (
    Ambiguous,
    Answer,
    KnownRequests,
    answer_of,
    answers_by_id,
    completed_text,
    with_context,
)
from operators.wire.events import Feedback

TS = 1_763_700_000_000
ANSWER = Answer("r1", "m", "v1", TS, 0, 0, {"region": "eu", "segment": "pro"}, "spam", 0.5, "id:s", "id:u", 9)


def item(**fields: Any) -> Feedback:
    return msgspec.convert({"request_id": "r1", "ts": TS + 1, "kind": "thumbs", "value": 0} | fields, Feedback)


def other(**fields: Any) -> Answer:
    return msgspec.structs.replace(ANSWER, **fields)


def test_it_gets_what_it_lacks() -> None:
    wanted = item(
        model="m", version="v1", slices=ANSWER.slices, request_ts=TS, prediction="spam", score=0.5, mirrored=False,
        session_id="id:s", user_id="id:u",
    )  # fmt: skip
    assert with_context(item(), ANSWER) == wanted
    assert with_context(item(user_id="annotator"), ANSWER).user_id == "annotator"


def test_what_it_says_itself_stays() -> None:
    told = item(model="m", slices={"region": "us", "channel": "app"}, request_ts=TS - 5, prediction="ham", score=0.1)
    found = with_context(told, ANSWER)
    assert (found.request_ts, found.prediction, found.score) == (TS - 5, "ham", 0.1)
    assert found.slices == {"region": "us", "channel": "app", "segment": "pro"}


def test_all_else_in_its_text_stays_and_it_is_said_whose_request_it_was() -> None:
    text = json.dumps({"request_id": "r1", "ts": TS, "kind": "report", "value": "x", "text": ["a", 1.50]}).encode()
    found = json.loads(completed_text(text, msgspec.json.decode(text, type=Feedback), ANSWER))
    assert found == json.loads(text) | {
        "model": "m", "version": "v1", "slices": ANSWER.slices, "request_ts": TS, "prediction": "spam", "score": 0.5,
        "session_id": "id:s", "user_id": "id:u",
    }  # fmt: skip
    other_user = text[:-1] + b',"user_id":"annotator","session_id":null}'
    found = json.loads(completed_text(other_user, msgspec.json.decode(text, type=Feedback), ANSWER))
    assert (found["user_id"], found["session_id"]) == ("annotator", "id:s")


@pytest.mark.parametrize(
    ("fields", "answers", "wanted"),
    [
        ({}, [other(attempt=1, version="v2"), ANSWER], "v2"),  # The last attempt is the one that the user saw.
        ({}, [ANSWER, other(ts=TS + 9, version="v2")], "v2"),
        ({}, [ANSWER, other(version="v2", mirrored=1, attempt=3)], "v1"),  # A copy nobody saw,
        ({"mirrored": True}, [ANSWER, other(version="v2", mirrored=1)], "v2"),  # unless it is what is meant,
        ({}, [other(version="v2", mirrored=1)], "v2"),  # or all that there is.
        ({"version": "v1"}, [other(attempt=1, version="v2"), ANSWER], "v1"),
        ({"model": "n"}, [ANSWER, other(model="n", version="v7")], "v7"),
    ],
)
def test_of_several_answers_it_is_about_one(fields: dict[str, Any], answers: list[Answer], wanted: str) -> None:
    for ordered in (answers, answers[::-1]):
        found = answer_of(item(**fields), ordered)
        assert found is not None
        assert found.version == wanted


def test_of_two_copies_of_one_event_the_first_in_its_log_counts() -> None:
    found = answer_of(item(), [other(ver=8, slices={}), ANSWER])
    assert found == ANSWER


def test_of_which_model_it_is_nobody_guesses() -> None:
    with pytest.raises(Ambiguous, match=r"answered by models m, n: name the one that is meant"):
        answer_of(item(), [ANSWER, other(model="n")])


@pytest.mark.parametrize("answers", [[], [other(model="n")], [other(version="v2")]])
def test_what_is_not_there_is_not_found(answers: list[Answer]) -> None:
    assert answer_of(item(model="m", version="v1"), answers) is None


@pytest.mark.parametrize("prediction", ["", "write to [EMAIL]"])
def test_a_prediction_that_cannot_be_compared_is_left_out(prediction: str) -> None:
    assert with_context(item(), other(prediction=prediction)).prediction is None


def test_a_copy_stays_one() -> None:
    assert with_context(item(), other(mirrored=1)).mirrored is True


def test_in_a_bounded_run_it_is_told_why_there_is_no_context() -> None:
    known = KnownRequests([ANSWER, other(request_id="r2"), other(request_id="r2", model="n")])
    assert known.completed(item()).version == "v1"
    assert known.fault_of(known.completed(item())) is None
    for name, reason in (("r2", "ambiguous_request"), ("r3", "no_request")):
        left = known.completed(item(request_id=name))
        assert left.model is None
        assert (known.fault_of(left) or ("",))[0] == reason
    assert answers_by_id([ANSWER]) == {"r1": [ANSWER]}
