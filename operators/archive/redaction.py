"""Personal data and secrets in a text, replaced by typed marks such as [EMAIL].

One pass of RE2 finds candidates in time linear in the text, whatever the text is; only those are examined in Python,
by check digits where they have any (python-stdnum), so that order numbers and dates stay. It is meant for accidents:
names, addresses and what somebody hides on purpose are not found. Cost: some 10 us a kilobyte, and 5 us a candidate.
"""

import ipaddress
from collections.abc import Callable, Iterator

import re2
from stdnum import iban

from operators.archive.digits import numbers_in

EMAIL, IBAN, IP, KEY = "EMAIL", "IBAN", "IP", "KEY"
NATIONAL_ID = "NATIONAL_ID"

# Repetitions that another alternative may follow are bounded: else a run of letters would be read to its end once for
# every match in it. Of two alternatives that match at the same place the first wins.
_SECRET = [
    rb"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\s]*(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?",
    rb"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    rb"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}",
    rb"\b(?:gh[pousr]_|github_pat_|glpat-|hf_|npm_)[A-Za-z0-9_-]{16,}",
    rb"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    rb"\bAIza[A-Za-z0-9_-]{30,}",
    rb"(?i:\bbearer) {1,3}[A-Za-z0-9._~+/=-]{16,}",
    rb"(?i:\b(?:api[_-]?key|secret|password|passwd|access[_-]?token)) ?[:=] ?[^\s\"',;]{6,}",
]
_EMAIL = rb"[A-Za-z0-9._%+'\x80-\xff-]{1,64}@[A-Za-z0-9\x80-\xff-]{1,63}(?:\.[A-Za-z0-9\x80-\xff-]{1,63}){1,8}"
_IBAN = rb"\b[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}(?:[ -]?[A-Za-z0-9]{1,3})?\b"
_IP = rb"\b\d{1,3}(?:\.\d{1,3}){3}\b|(?:\b[0-9A-Fa-f]{1,4}:|::)(?:[0-9A-Fa-f]{0,4}:){1,7}[0-9A-Fa-f.]{0,15}"
# National ids that hold letters: Italy, Spain, the United Kingdom, Finland, Mexico. Those of digits alone: `digits.py`.
_LETTERED = [
    rb"\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b",
    rb"\b[0-9XYZ]\d{7}-?[A-Z]\b",
    rb"\b[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b",
    rb"\b\d{6}[-+A]\d{3}[0-9A-Z]\b",
    rb"\b[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d\b",
]
_DIGITS = rb"(?:\+|\(|\b)\d(?:[ ./()-]{0,2}\d){5,30}\b"

_OF_NUMBERS = b"+()0123456789 ./-"
_OF_NAMED = (b"=", b":", b" ")  # Every secret that may hold an @ has one of these, and no address has.

_CANDIDATES = re2.compile(b"|".join([*_SECRET, _EMAIL, _IBAN, _IP, *_LETTERED, _DIGITS]))
_IS_SECRET = re2.compile(b"|".join(_SECRET)).fullmatch
_IS_LETTERED = re2.compile(b"|".join(_LETTERED)).fullmatch
_IS_IBAN = re2.compile(_IBAN).fullmatch

Span = tuple[int, int, str]  # From byte, to byte, kind.


def redact(text: str) -> tuple[str, list[str]]:
    """Return a text with marks in place of what it should not hold, and the kind that each mark stands for.

    >>> redact("write to ann@example.org, card 4111 1111 1111 1111, order 4711")
    ('write to [EMAIL], card [CARD], order 4711', ['EMAIL', 'CARD'])
    """
    data = text.encode("utf-8", "replace")
    parts: list[bytes] = []
    kinds: list[str] = []
    end = 0
    for start, stop, kind in _found(data):
        parts += [data[end:start], b"[%b]" % kind.encode()]
        kinds.append(kind)
        end = stop
    if not kinds:
        return text, kinds
    return b"".join([*parts, data[end:]]).decode(errors="replace"), kinds


def _found(data: bytes) -> Iterator[Span]:
    for match in _CANDIDATES.finditer(data):
        start, stop = match.span()
        yield from _spans(data[start:stop], start)


def _spans(candidate: bytes, start: int) -> Iterator[Span]:
    """Yield what a candidate holds; nothing if it was a false match. Frequent kinds are recognised fast."""
    whole = start, start + len(candidate)
    if not candidate.translate(None, _OF_NUMBERS):
        if candidate.count(b".") == 3 and _is_address(candidate):
            yield *whole, IP
        else:
            yield from ((start + first, start + last, kind) for first, last, kind in numbers_in(candidate))
    elif b"@" in candidate and not any(each in candidate for each in _OF_NAMED):
        yield *whole, EMAIL
    elif _IS_SECRET(candidate):
        yield *whole, KEY
    elif _IS_LETTERED(candidate):
        yield *whole, NATIONAL_ID
    elif _is_address(candidate):
        yield *whole, IP
    elif _IS_IBAN(candidate) and (length := _iban_length(candidate)):
        yield start, start + length, IBAN


def _is_address(candidate: bytes) -> bool:
    try:
        ipaddress.ip_address(candidate.decode("latin-1").rstrip("."))
    except ValueError:
        return False
    return True


def _iban_length(candidate: bytes) -> int:
    """Return the length of the IBAN [bytes], 0 for none: a word of capitals that is no part of it may follow."""
    text = candidate.decode("latin-1")
    valid: Callable[[str], bool] = iban.is_valid
    ends = [at for at in range(len(text), 14, -1) if at == len(text) or not text[at].isalnum()]
    return next((at for at in ends if valid(text[:at])), 0)
