"""Texts that are numbers to whoever wrote them: `1,5`, `1.234,5`, `12 %`, `€ 3`, or `-` among numbers.

As categories they would be thousands, of which a profile lists some, and events send none of these. The number that a
text stands for is not guessed (`1,234` may be two numbers): the doubt names what is wrong, with such a text.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from operators.profiles.binning import Value
from operators.profiles.profile import CATEGORIES_MAX

LENGTH_MAX = 40  # Characters of a number in any notation.
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_CODE = re.compile(r"[+-]?0\d+")
_MONEY = r"(?:[$€£¥₹]|EUR|USD|GBP|CHF|JPY)?"
_DIGITS = r"(?:\d{1,3}(?:[.,'\u2019_\s]\d{3})+(?:[.,]\d+)?|\d*[.,]\d+|\d+[.,]?)"
_WRITTEN = re.compile(rf"\s*\(?[-+\u2212]?\s*{_MONEY}\s*[-+\u2212]?{_DIGITS}\s*(?:%|‰|{_MONEY})\s*[)\u2212-]?\s*")
_UNIT = re.compile(rf"[-+\u2212]?{_DIGITS}\s?[A-Za-zµ°/²³]{{1,6}}")
_MISSING = frozenset(
    {"", "-", "--", "\u2013", "\u2014", ".", "?", "none", "null", "nil", "na", "n/a", "#n/a", "<na>", "nan", "nat"}
)


class Doubt(NamedTuple):
    """What is odd about a column, in words; `is_fault`: a profile of the column is useless."""

    what: str
    is_fault: bool


class _Kinds(NamedTuple):
    """How often each text of a column occurs, by kind of text."""

    plain: Counter[str]  # Numbers as JSON writes them, but for the quotes.
    codes: Counter[str]  # Digits that begin with a 0.
    written: Counter[str]  # Numbers in another notation.
    units: Counter[str]
    missing: Counter[str]
    others: Counter[str]


def doubt_of(values: Sequence[Value], *, is_typed: bool) -> Doubt | None:
    """Return what is odd about a column's texts; without types (CSV), texts are the values that could not be numbers.

    >>> doubt_of(["1,5", "2,5", "3,5"], is_typed=True)
    Doubt(what="'1,5' is no number as JSON has them (1.5), nor are 3 of 3 values", is_fault=True)
    >>> doubt_of(["visa", "amex", "3"], is_typed=True)
    """
    present = sum(value is not None for value in values)
    texts = Counter(value for value in values if isinstance(value, str))
    if 2 * texts.total() < present:
        return _among_numbers(texts, present)
    kinds = _kinds(texts)
    numbers = present - texts.total() + kinds.plain.total() + kinds.written.total()
    # A few sizes such as `500 ml` are categories; more than a profile lists are measurements.
    if len(kinds.units) > CATEGORIES_MAX:
        numbers += kinds.units.total()
    if kinds.codes:
        what = f"{_first(kinds.codes)} begins with a 0: its column is kept as texts, each as it is written"
        return None if is_typed else Doubt(what, is_fault=False)
    if 2 * numbers <= present - kinds.missing.total():
        return None if is_typed else _missing(kinds)
    return _numbers(kinds, texts, present, is_typed=is_typed)


def _among_numbers(texts: Counter[str], present: int) -> Doubt | None:
    if not texts:
        return None
    what = f"{_first(texts)} is a text, as are {texts.total()} of {present} values among numbers: they count as unseen"
    return Doubt(what, is_fault=False)


def _numbers(kinds: _Kinds, texts: Counter[str], present: int, *, is_typed: bool) -> Doubt | None:
    """Return what is odd about a column most of whose texts are numbers."""
    units = kinds.units if len(kinds.units) > CATEGORIES_MAX else Counter[str]()
    if odd := kinds.written + units:
        what = f"{_first(odd)} is no number as JSON has them (1.5), nor are {odd.total()} of {present} values"
        return Doubt(what, is_fault=True)
    measured = any(not text.lstrip("+-").isdigit() for text in kinds.plain)
    many = len(texts) > CATEGORIES_MAX
    if is_typed:
        what = f"{_first(kinds.plain)} is a number in quotes, as are {kinds.plain.total()} of {present} values"
        return Doubt(what, is_fault=True) if measured and many else None
    if odd := kinds.missing + kinds.others + kinds.units:
        what = f"{_first(odd)} is no number, but {kinds.plain.total()} of {present} values of its column are"
        return Doubt(what, is_fault=measured or many)
    return None


def _missing(kinds: _Kinds) -> Doubt | None:
    if not kinds.missing:
        return None
    return Doubt(f"{_first(kinds.missing)} is a category, as {kinds.missing.total()} values: missing is empty", False)


def _kinds(texts: Counter[str]) -> _Kinds:
    kinds = _Kinds(*(Counter[str]() for _ in _Kinds._fields))
    for text, count in texts.items():
        _kind(text, kinds)[text] = count
    return kinds


def _kind(text: str, kinds: _Kinds) -> Counter[str]:
    if text.strip().lower() in _MISSING:
        return kinds.missing
    if len(text) > LENGTH_MAX:
        return kinds.others
    if _CODE.fullmatch(text):
        return kinds.codes
    if _PLAIN.fullmatch(text):
        return kinds.plain
    if _WRITTEN.fullmatch(text):
        return kinds.written
    return kinds.units if _UNIT.fullmatch(text) else kinds.others


def _first(texts: Counter[str]) -> str:
    """Return the most frequent text, quoted; the first in order among equally frequent ones."""
    text = min(texts, key=lambda each: (-texts[each], each))
    return repr(text if len(text) <= LENGTH_MAX else text[:LENGTH_MAX] + "...")
