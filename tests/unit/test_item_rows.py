"""Feedback and dead letters as rows."""

from base64 import b64decode
from datetime import UTC, datetime
from math import isnan

from operators.ingest.formats.origin import Reject
from operators.policy_file.toml import parse
from operators.rows.items import dead_letter_rows, feedback_rows
from operators.wire.events import Feedback
from tests.dataflows.making import POLICY
from tests.dataflows.running import expand

RULES = parse(POLICY.replace("share_max = 1.0", 'share_max = 1.0\nkeep = "full"\nvalue_bytes_max = 4'))
TS = 1_760_000_000_123


def test_feedback_is_kept_at_its_finest_slice_with_what_is_known() -> None:
    items = [
        Feedback(
            request_id="r1",
            ts=TS,
            kind="judge",
            value=4.5,
            source="rater",
            name="tone",
            sample="floor",
            standing="new",
            reason="curt",
            model="m",
            version="v",
            slices={"segment": "a,b", "other": "x"},
            request_ts=datetime.fromtimestamp(TS / 1000 - 1, UTC),
            prediction=1.0,
            score=0.25,
        ),
        Feedback(request_id="r2", ts=TS, kind="label", value=True, model="m", version="v"),
        Feedback(request_id="r3", ts=TS, kind="label", value="yes", model="m", version="v"),
        Feedback(request_id="r4", ts=TS, kind="thumbs", model="m", version="v"),
    ]
    rows = expand(feedback_rows(items, RULES))
    assert rows[0] == {
        "model": "m",
        "version": "v",
        "slice": "region=,segment=a\\,b",
        "dims": {"region": "", "segment": "a,b"},
        "request_id": "r1",
        "ts": TS,
        "kind": "judge",
        "source": "rater",
        "name": "tone",
        "unit": "",
        "sample": "floor",
        "standing": "new",
        "reason": "curt",
        "value": "4.5",
        "value_number": 4.5,
        "request_ts": TS - 1_000,
        "prediction": "1",
        "score": 0.25,
        "ver": 1,
    }
    assert [row["value"] for row in rows] == ["4.5", "true", "yes", ""]
    assert [row["value_number"] for row in rows] == [4.5, 1, None, None]
    assert rows[1]["request_ts"] is None
    assert rows[1]["score"] is None or isnan(rows[1]["score"])


def test_a_dead_letter_keeps_the_start_of_the_original_and_its_size() -> None:
    rejects = [
        Reject(position=7, item=2, reason="bad_json", detail="d", value=b"abcdefgh"),
        Reject(position=8, item=0, reason="bad_utf8", detail="d", value=b"\xff\xfe\xfd\xfc\xfb"),
        Reject(position=9, item=0, reason="bad_json", detail="d", value="aüüü".encode()),
    ]
    rows = expand(dead_letter_rows(rejects, "file", RULES))
    assert rows[0] == {
        "source": "file",
        "position": 7,
        "item": 2,
        "reason": "bad_json",
        "detail": "d",
        "bytes": 8,
        "encoding": "utf-8",
        "value": "abcd",
    }
    assert (rows[1]["bytes"], rows[1]["encoding"], b64decode(rows[1]["value"])) == (5, "base64", b"\xff\xfe\xfd\xfc")
    assert b64decode(rows[2]["value"]) == "aüüü".encode()[:4]


def test_a_reason_is_kept_as_texts_are() -> None:
    """Whoever judged: an evaluator of somebody else may quote the answer."""
    item = Feedback(request_id="r", ts=TS, kind="judge", value=1, reason="It says ann@example.org.")
    kept = [RULES, *(parse(POLICY + f'[archive]\ntexts = "{texts}"\n') for texts in ("none", "full"))]
    found = [expand(feedback_rows([item], rules))[0]["reason"] for rules in kept]
    assert found == ["It says [EMAIL].", "", item.reason]


def test_what_users_wrote_is_kept_as_texts_are() -> None:
    items = [
        Feedback(request_id="r", ts=TS, kind="edit", value="Ask ann@example.org.", prediction="Ask bob@example.org."),
        Feedback(request_id="r", ts=TS, kind="label", value="yes", prediction="no"),
        Feedback(request_id="r", ts=TS, kind="thumbs", value=-1),
        Feedback(request_id="r", ts=TS, kind="kpi", value=4111111111111111, prediction=4111111111111111),
    ]
    card = ("4111111111111111", "4111111111111111")  # A number is no text: it stands in value_number, too.
    kept = [RULES, *(parse(POLICY + f'[archive]\ntexts = "{texts}"\n') for texts in ("none", "full"))]
    found = [[(row["value"], row["prediction"]) for row in expand(feedback_rows(items, rules))] for rules in kept]
    assert found == [
        [("Ask [EMAIL].", "Ask [EMAIL]."), ("yes", "no"), ("-1", ""), card],
        [("", "Ask bob@example.org."), ("yes", "no"), ("-1", ""), card],
        [("Ask ann@example.org.", "Ask bob@example.org."), ("yes", "no"), ("-1", ""), card],
    ]
