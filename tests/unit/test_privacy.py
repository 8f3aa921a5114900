"""What comes in does not show in what is kept of it, unless the policy says so: dead letters, findings, offenders."""

import json
from typing import Any

import pytest

from operators.ingest.formats.origin import Reject
from operators.ingest.partition import Partition
from operators.ingest.structure import structure_of
from operators.policy_file.toml import parse
from operators.pseudonyms import Pseudonyms
from operators.rows.items import dead_letter_rows, letters_of
from tests.dataflows.making import FOLLOWS_ALL, POLICY, START_MS, received
from tests.dataflows.running import expand
from tests.monitored import FILES, MONITORS

RULES = parse(POLICY + MONITORS, FILES)
FULL = POLICY.replace("share_max = 1.0", 'share_max = 1.0\nkeep = "full"') + '[privacy]\nvalues = "full"\n'
KEY = Pseudonyms("a key of 16 characters or more")
SECRETS = ("ann-lee", "Ann Lee", "ann@example.org", "+49 170 1234567", "4111111111111111", "s-17")
PERSON: dict[str, Any] = {
    "request_id": "r-ann-lee",
    "user_id": "ann-lee",
    "session_id": "s-17",
    "ts": START_MS,
    "model": "m",
    "version": "v",
    "team": "Ann Lee",
    "input": {"text": "I am Ann Lee, ann@example.org", "cards": [4111111111111111]},
    "features": {"card": "ann@example.org", "amount": "+49 170 1234567"},
    "slices": {"region": "eu"},
}


def refused(
    pseudonyms: Pseudonyms, *messages: bytes, policy: str = POLICY, stream: Any = "events"
) -> list[dict[str, Any]]:
    """The dead letters of some messages, as rows."""
    rules = parse(policy)
    batch = Partition("p", stream, ("p",), rules, pseudonyms=pseudonyms).take(received(messages))
    rows = dead_letter_rows(batch.rejects, "p", rules, pseudonyms)
    assert [json.loads(letter) for letter in letters_of(rows)] == expand(rows), "the same in topic, file and table"
    return expand(rows)


FAULTS: list[dict[str, Any]] = [
    {"ts": 5}, {"ts": "Ann Lee"}, {"model": ["Ann Lee"]}, {"version": None}, {"request_id": "ann-lee" * 30},
    {"ts": START_MS + 10**11}, {"ts": START_MS - 10**9},
]  # fmt: skip
MESSAGES = [json.dumps(PERSON | fault).encode() for fault in FAULTS]
MESSAGES += [MESSAGES[0][:-5], b'{"a": "Ann Lee\xff"}', b"Ann Lee", b'["Ann Lee", ' + MESSAGES[0] + b"]", b'"Ann Lee"']


@pytest.mark.parametrize("pseudonyms", [Pseudonyms(), KEY])
def test_a_dead_letter_holds_nothing_of_a_person(pseudonyms: Pseudonyms) -> None:
    person = json.dumps(PERSON | {"ts": START_MS + 10**9}).encode()  # So that older ones are too late.
    rows = refused(pseudonyms, json.dumps(PERSON).encode(), *MESSAGES, person, policy=FOLLOWS_ALL)
    assert len(rows) == len(MESSAGES) + 2
    text = json.dumps(rows)
    assert not [secret for secret in SECRETS if secret in text]
    assert {row["encoding"] for row in rows} == {"structure"}
    assert all(row["detail"] and row["bytes"] for row in rows)


@pytest.mark.parametrize("stream", ["feedback", "commands"])
def test_what_a_decoder_quotes_is_left_out(stream: str) -> None:
    rows = refused(
        Pseudonyms(), json.dumps(PERSON | {"kind": "Ann Lee", "type": "Ann - at `Lee`"}).encode(), stream=stream
    )
    assert len(rows) == 1
    assert "Ann" not in json.dumps(rows)
    assert "Invalid" in rows[0]["detail"]


def test_a_dead_letter_keeps_keys_types_and_lengths_and_ids_by_their_pseudonyms() -> None:
    kept = json.loads(refused(KEY, MESSAGES[0])[0]["value"])
    assert kept == {
        "request_id": KEY.of("r-ann-lee"),
        "user_id": KEY.of("ann-lee"),
        "session_id": KEY.of("s-17"),
        "ts": "number",
        "model": "string(1)",
        "version": "string(1)",
        "team": "string(7)",
        "input": {"text": "string(29)", "cards": ["number"]},
        "features": {"card": "string(15)", "amount": "string(15)"},
        "slices": {"region": "string(2)"},
    }
    assert json.loads(refused(Pseudonyms(), MESSAGES[0])[0]["value"])["user_id"] == "string(7)"


def test_pseudonyms_are_as_many_as_texts_and_keys() -> None:
    keys = [Pseudonyms(key) for key in ("k" * 16, "k" * 17, "k" * 500)]
    assert len({key.of(text) for key in keys for text in ("", "a", "b", "\ud800")}) == 12
    assert KEY.of("a") == Pseudonyms(KEY.key).of("a")


def test_the_policy_may_keep_the_original() -> None:
    rows = refused(KEY, *MESSAGES, policy=FULL)
    assert [row["value"] for row in rows][:3] == [message.decode() for message in MESSAGES[:3]]


@pytest.mark.parametrize(
    ("item", "structure"),
    [
        (b"{" + b",".join(b'"k%d":1' % at for at in range(150)) + b"}", 101),
        (b'{"a":' + b"[" * 900 + b"]" * 900 + b"}", 1),
        (b'{"' + b"k" * 500 + b'": 1}', 1),
        (b'{"a": ' + b"1" * 5_000 + b', "b": 1e999}', 2),
    ],
)
def test_structures_are_small(item: bytes, structure: int) -> None:
    told = structure_of(item, KEY)
    assert len(json.loads(told)) == structure
    assert len(told) < 3_000


@pytest.mark.parametrize(
    "item", [b"{", b"\xff", b"[" * 5_000 + b"]" * 5_000, b'"\\ud800"', b'"' + b"x" * (2 << 20) + b'"']
)
def test_what_is_no_json_or_too_large_has_no_structure(item: bytes) -> None:
    reject = Reject(position=1, item=0, reason="bad_json", detail="d", value=item)
    (row,) = expand(dead_letter_rows([reject], "p", RULES, KEY))
    assert (row["value"], row["bytes"]) == ("", len(item))


@pytest.mark.parametrize(("pseudonyms", "kept"), [(Pseudonyms(), "(not kept)"), (KEY, KEY.of("ann@example.org"))])
def test_texts_that_offend_are_kept_by_their_pseudonyms(pseudonyms: Pseudonyms, kept: str) -> None:
    """Request ids stay: by them the requests are found, and feedback has them too."""
    features = {"card": "ann@example.org", "amount": 1e9}
    message = json.dumps(PERSON | {"features": features, "prediction": ["Ann Lee"]}).encode()
    for policy, wanted in ((RULES, kept), (parse(FULL + MONITORS, FILES), "ann@example.org")):
        batch = Partition("p", "events", ("p",), policy, pseudonyms=pseudonyms).take(received([message]))
        (partial,) = [partial for _, given in batch.inputs for _, partial in given.partials]
        told = {policy.watched[each.watched].name: each for _, each in partial.offenders}
        assert told["features.card"].value == wanted
        assert told["features.amount"].value == "1000000000"
        assert {each.request_id for each in told.values()} == {"r-ann-lee"}
        assert (told["prediction"].value == '["Ann Lee"]') == (policy is not RULES)
