"""Finds cards, national ids and telephone numbers in a run of digits with separators.

A run is read group by group, as people write numbers: (4, 4, 4, 4) is the shape of a card, (3, 2, 4) that of a social
security number of the United States. Check digits decide where a number has any.
"""

import re
from collections.abc import Callable, Iterator

from stdnum import luhn
from stdnum.be import nn as belgium
from stdnum.br import cpf as brazil
from stdnum.ca import sin as canada
from stdnum.ch import ssn as switzerland
from stdnum.cn import ric as china
from stdnum.de import idnr as germany
from stdnum.dk import cpr as denmark
from stdnum.fr import nir as france
from stdnum.in_ import aadhaar as india
from stdnum.pl import pesel as poland
from stdnum.se import personnummer as sweden
from stdnum.us import ssn as usa

CARD, PHONE, NATIONAL_ID = "CARD", "PHONE", "NATIONAL_ID"
GROUPS_MAX = 7  # Groups in one number, as people write it.
DIGITS_MIN, DIGITS_MAX = 8, 19

_GROUP = re.compile(rb"\d+")
Check = Callable[[str], bool]
# By the lengths of their groups. Nine or twelve digits in one group are too often something else.
_IDS: dict[tuple[int, ...], tuple[Check, ...]] = {
    (3, 2, 4): (usa.is_valid,),
    (3, 3, 3): (canada.is_valid,),
    (3, 3, 3, 2): (brazil.is_valid,),
    (11,): (germany.is_valid, poland.is_valid, brazil.is_valid),
    (2, 3, 3, 3): (germany.is_valid,),
    (15,): (france.is_valid,),
    (13, 2): (france.is_valid,),
    (1, 2, 2, 2, 3, 3, 2): (france.is_valid,),
    (4, 4, 4): (india.is_valid,),
    (6, 4): (sweden.is_valid, denmark.is_valid),
    (8, 4): (sweden.is_valid,),
    (2, 2, 2, 3, 2): (belgium.is_valid,),
    (3, 4, 4, 2): (switzerland.is_valid,),
    (13,): (switzerland.is_valid,),
    (18,): (china.is_valid,),
}
_PHONES = {(3, 3, 4), (1, 3, 3, 4), (3, 7), (3, 4, 4)}  # Without a + or 0 in front.


def numbers_in(run: bytes) -> Iterator[tuple[int, int, str]]:
    """Yield (start, stop, kind) of each number in a run of digits and separators, from left to right."""
    groups = [match.span() for match in _GROUP.finditer(run)]
    lengths = [stop - start for start, stop in groups]
    first = 0
    while first < len(groups):
        found = _longest(run, groups, lengths, first)
        if found is None:
            first += 1
            continue
        last, kind = found
        start, stop = groups[first][0], groups[last][1]
        before = run[max(0, start - 1) : start]
        yield start - (before == b"+" or (before == b"(" and b")" in run[start:stop])), stop, kind
        first = last + 1


def _longest(run: bytes, groups: list[tuple[int, int]], lengths: list[int], first: int) -> tuple[int, str] | None:
    """Return the last group and the kind of the longest number that begins with group `first`."""
    end = min(len(groups), first + GROUPS_MAX)
    digits = sum(lengths[first:end])
    while digits >= DIGITS_MIN:
        if digits <= DIGITS_MAX:
            kind = _kind(run, groups[first:end], tuple(lengths[first:end]))
            if kind is not None:
                return end - 1, kind
        end -= 1
        digits -= lengths[end]
    return None


def _kind(run: bytes, span: list[tuple[int, int]], lengths: tuple[int, ...]) -> str | None:
    digits = b"".join(run[start:stop] for start, stop in span).decode()
    if _is_card(digits, lengths):
        return CARD
    if any(valid(_written(run, span, digits)) for valid in _IDS.get(lengths, ())):
        return NATIONAL_ID
    return PHONE if _is_phone(run[: span[0][0]][-1:], digits, lengths) else None


def _is_card(digits: str, lengths: tuple[int, ...]) -> bool:
    """Tell whether digits look like a card: no issuer's numbers begin otherwise."""
    grouped = lengths[0] >= 4 and min(lengths) >= 3
    return len(digits) >= 13 and digits[0] in "23456" and grouped and bool(luhn.is_valid(digits))


def _written(run: bytes, span: list[tuple[int, int]], digits: str) -> str:
    """Return the number as checks need it: two of them tell the century by the separator."""
    return run[span[0][0] : span[-1][1]].decode("latin-1") if len(span) == 2 else digits


def _is_phone(before: bytes, digits: str, lengths: tuple[int, ...]) -> bool:
    if before == b"+":
        return len(digits) <= 15
    if lengths[:3] in ((2, 2, 4), (4, 2, 2)):  # A date.
        return False
    if digits[0] == "0":
        return 9 <= len(digits) <= (17 if digits.startswith("00") else 12)
    return lengths in _PHONES
