"""Messages with every kind of fault that producers make, and how many items each holds."""

import json
from random import Random
from typing import Any

from tests.dataflows.making import START_MS, event

HUGE = [10**400, -(10**30), 2**63, 2**64, 1e308, -1e308, 5e-324]
WRONG: list[Any] = [
    None, True, False, 0, -1, 1.5, "", "x", "1" * 129, "\u0000", "\U0001f600" * 128, [], [1], {}, {"a": {}},
    [[[[]]]], [None], {"": ""}, {"eu": 1}, *HUGE,
]  # fmt: skip
TIMES: list[Any] = [
    0, -1, 2**62, 10**30, START_MS // 1_000, START_MS * 1_000, START_MS + 0.5, str(START_MS), "", "now",
    "2025-10-09T08:00:00", "2025-10-09T08:00:00Z", "2025-10-09T08:00:00.123456789Z", "2025-10-09 08:00:00+05:30",
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59", "2025-02-30T00:00:00Z", "2025-10-09T24:00:00Z",
    "1999-12-31T23:59:59.999Z", "2100-01-01T00:00:00.001Z", "2025-10-09T08:00:60Z", True, None, {}, [START_MS],
]  # fmt: skip
RAW = [
    b"NaN", b"-Infinity", b"1e999", b"-1e999", b"01", b"1.", b"+1", b"'x'", b"nul", b'"\\x"', b'"\\ud800"', b'"\xff"',
    b"[" * 5_000, b"[" * 2_000 + b"]" * 2_000, b'{"a":' * 3_000, b'"' + b"x" * 200_000 + b'"', b"1" * 5_000, b"",
    b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"a\x00b"', b'"tab\there"',
]  # fmt: skip
FIELDS = [
    "request_id", "ts", "model", "version", "slices", "error_type", "latency_ms", "ttft_ms", "input_tokens", "cost_usd",
    "prediction", "score", "features", "embedding", "metrics", "flags", "team", "input", "other", "kind", "value",
]  # fmt: skip
OVERSIZED = 10_000  # The policy's limit on a message here, bytes.


def mutant(random: Random) -> tuple[bytes, int]:
    """A message, and how many items it holds: each must be counted or become a dead letter."""
    return random.choice(MUTATIONS)(random)


def _body(random: Random) -> dict[str, Any]:
    """An event that is a feedback as well."""
    value = random.choice([1, 4.5, True, "yes", None])
    more = {"kind": "judge", "value": value, "features": {"amount": random.choice([1, "x"]), "card": "visa"}}
    return event(random, START_MS + random.randrange(100_000)) | more


def _text(random: Random) -> bytes:
    return json.dumps(_body(random)).encode()


def _bytes(random: Random) -> tuple[bytes, int]:
    """Some bytes changed, taken away or doubled; never a line end, and never an array, so that it is one item."""
    text = bytearray(_text(random))
    for _ in range(random.choice([1, 1, 2, 5, 50])):
        at = random.randrange(1, len(text)) if len(text) > 2 else 1
        kind = random.randrange(4)
        if kind == 0:
            text[at : at + 1] = bytes([random.choice([byte for byte in range(256) if byte not in b"\r\n"])])
        elif kind == 1:
            del text[at : at + random.randrange(20)]
        elif kind == 2:
            text[at:at] = text[at : at + random.randrange(20)]
        else:
            del text[at:]
    return bytes(text), 1


def _value(random: Random) -> tuple[bytes, int]:
    body = _body(random)
    body[random.choice(FIELDS)] = random.choice(WRONG)
    return json.dumps(body).encode(), 1


def _time(random: Random) -> tuple[bytes, int]:
    return json.dumps(_body(random) | {"ts": random.choice(TIMES)}).encode(), 1


def _missing(random: Random) -> tuple[bytes, int]:
    body = _body(random)
    for name in random.sample(list(body), random.randrange(1, len(body))):
        del body[name]
    return json.dumps(body).encode(), 1


def _raw(random: Random) -> tuple[bytes, int]:
    """A value that no JSON library writes, or only a broken one."""
    name = random.choice(FIELDS).encode()
    return _text(random)[:-1] + b', "' + name + b'": ' + random.choice(RAW) + b"}", 1


def _nested(random: Random) -> tuple[bytes, int]:
    body = _body(random)
    name = random.choice(["slices", "metrics", "features", "flags"])
    inside = random.choice(
        [{random.choice(["region", "gpu-util", "amount", "card", "a" * 129]): random.choice(WRONG)}, WRONG]
    )
    return json.dumps(body | {name: inside}).encode(), 1


def _several(random: Random) -> tuple[bytes, int]:
    """Good and bad items in one message; each text is JSON, so an array holds as many items as it has."""
    texts = [random.choice([_value, _time, _missing, _nested, _good])(random)[0] for _ in range(random.randrange(8))]
    texts += random.sample([b"1", b"null", b'"x"', b"{}"], random.randrange(3))
    random.shuffle(texts)
    if random.random() < 0.5:
        return b" [" + b",".join(texts) + b"]", len(texts)
    return random.choice([b"\n", b"\r\n", b"\n\n"]).join(texts), len(texts)


def _lines(random: Random) -> tuple[bytes, int]:
    """Lines of which some are no JSON at all; the good ones must survive, also after a first line that is broken."""
    texts = [_text(random)] + [random.choice([_bytes, _raw, _good])(random)[0] for _ in range(random.randrange(6))]
    random.shuffle(texts)
    texts = [text.strip() for text in texts]
    if sum(map(len, texts)) > OVERSIZED:
        return b"\n".join(texts), 1
    return b"\n".join(texts), len([text for text in texts if text])


def _broken_array(random: Random) -> tuple[bytes, int]:
    """An array whose items cannot be told apart is one dead letter."""
    return b"[" + _text(random) + random.choice([b"", b",", b",]", b"}", b"] x", b",nul]", b'"']), 1


def _oversized(random: Random) -> tuple[bytes, int]:
    return json.dumps(_body(random) | {"request_id": "x" * random.randrange(OVERSIZED, 3 * OVERSIZED)}).encode(), 1


def _several_lines(random: Random) -> tuple[bytes, int]:
    """One object over several lines."""
    return json.dumps(_body(random), indent=1).encode(), 1


def _nothing(random: Random) -> tuple[bytes, int]:
    return random.choice([b"", b" ", b"\n\r\n", b"[]", b"[ ]\n", b"\t"]), 0


def _good(random: Random) -> tuple[bytes, int]:
    return _text(random), 1


MUTATIONS = [
    _bytes, _bytes, _value, _value, _time, _missing, _raw, _nested, _several, _lines, _broken_array, _oversized,
    _several_lines, _nothing, _good,
]  # fmt: skip
