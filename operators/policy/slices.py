"""Slices as a policy names them: by dimensions alone, `region,segment`, or by their values, `region=eu,segment=pro`."""

import re

Values = tuple[tuple[str, str], ...]  # Dimension and value.

_PAIR = re.compile(r"((?:\\[\\,=]|[^\\,=])+)=((?:\\[\\,=]|[^\\,=])*)")
_ESCAPED = re.compile(r"\\(.)")


def named_values(text: str) -> Values | None:
    r"""Return the values that a slice is named by, None where it names no value.

    `,` `=` and `\\` in them are escaped, as in the tables' column `slice`; a backslash before anything else names none.

    >>> named_values("region=eu,segment=pro"), named_values("region,segment"), named_values("*")
    ((('region', 'eu'), ('segment', 'pro')), None, None)
    >>> named_values(r"region=a\,b\=c")
    (('region', 'a,b=c'),)
    >>> named_values(r"region=a\b")
    """
    pairs, at = [], 0
    while (pair := _PAIR.match(text, at)) is not None:
        pairs.append((_ESCAPED.sub(r"\1", pair[1]), _ESCAPED.sub(r"\1", pair[2])))
        at = pair.end()
        if at == len(text):
            return tuple(pairs)
        if text[at] != ",":
            return None
        at += 1
    return None


def named_text(values: Values) -> str:
    """Return a slice named by its values in its written form, without escapes."""
    return ",".join(f"{name}={value}" for name, value in values)
