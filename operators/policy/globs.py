"""File-name patterns: whether two of them can fit the same name, and which name.

`*` stands for any text, `?` for one character, `[seq]` and `[!seq]` for one of, or none of, some characters, as in
Python's `fnmatch`. The answer for two patterns is exact: both are walked at once.
"""

from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

ANY = "*"


class _Chars(NamedTuple):
    """One character of `some`, or with `but` any character that is not in `some`."""

    some: frozenset[str]
    but: bool = False

    def common(self, other: "_Chars") -> str | None:
        """Return a character that is in both, None where there is none."""
        if not self.but and not other.but:
            return min(self.some & other.some, default=None)
        if self.but and other.but:
            known = self.some | other.some
            return next(each for each in map(chr, range(ord("a"), 0x110000)) if each not in known)
        one, rest = (other, self) if self.but else (self, other)
        return min(one.some - rest.some, default=None)


_Token = _Chars | None  # None is `*`.


def name_of_both(one: str, other: str) -> str | None:
    """Return a name that both patterns fit, None where no name fits both.

    >>> name_of_both("search-*", "*-eu"), name_of_both("search-*", "checkout"), name_of_both("a[bc]?", "a[!b]*")
    ('search-eu', None, 'aca')
    """
    left, right = _tokens(one), _tokens(other)

    @cache
    def rest(at: int, to: int) -> str | None:
        if at == len(left) and to == len(right):
            return ""
        head = left[at] if at < len(left) else _Chars(frozenset())
        next_ = right[to] if to < len(right) else _Chars(frozenset())
        tries: list[tuple[_Token, int, int]] = []
        if head is None:
            tries.append((None, at + 1, to))
            if isinstance(next_, _Chars) and to < len(right):
                tries.append((next_, at, to + 1))
        if next_ is None:
            tries.append((None, at, to + 1))
            if isinstance(head, _Chars) and at < len(left):
                tries.append((head, at + 1, to))
        for chars, further, on in tries:
            char, found = "" if chars is None else chars.common(_Chars(frozenset(), but=True)), rest(further, on)
            if char is not None and found is not None:
                return char + found
        if head is None or next_ is None or at == len(left) or to == len(right):
            return None
        char, found = head.common(next_), rest(at + 1, to + 1)
        return None if char is None or found is None else char + found

    return rest(0, 0)


def covers(one: str, other: str) -> bool:
    """Tell whether a pattern surely fits all names that another one fits; with `[seq]` only an equal one is known to.

    >>> covers("v*", "v2*"), covers("*", "a?c"), covers("v2*", "v*"), covers("v?", "v*")
    (True, True, False, False)
    """
    # `*` fits any text, and so the other pattern's own `*` and `?` too.
    return one == other or (not ("?" in one or "[" in one + other) and fnmatchcase(other, one))


def is_pattern(text: str) -> bool:
    """Tell whether a text may fit names other than itself."""
    return any(char in text for char in "*?[")


def _tokens(pattern: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "[" and (end := pattern.find("]", at + (3 if pattern[at + 1 : at + 2] == "!" else 2))) > 0:
            inside = pattern[at + 1 : end]
            tokens.append(_Chars(_set_of(inside.removeprefix("!")), but=inside.startswith("!")))
            at = end
        elif char == ANY:
            tokens.append(None)
        else:
            tokens.append(_Chars(frozenset(), but=True) if char == "?" else _Chars(frozenset({char})))
        at += 1
    return tokens


def _set_of(inside: str) -> frozenset[str]:
    """Return the characters of a text such as `a-z_`: ranges and single ones."""
    found: set[str] = set()
    at = 0
    while at < len(inside):
        if inside[at + 1 : at + 2] == "-" and at + 2 < len(inside):
            found.update(map(chr, range(ord(inside[at]), ord(inside[at + 2]) + 1)))
            at += 3
        else:
            found.add(inside[at])
            at += 1
    return frozenset(found)
