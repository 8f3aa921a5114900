r"""Text from outside made harmless before a person sees it: names come from whoever sends events.

An escape sequence in a name could move the cursor of a terminal, and a line break in a log could forge a line.
Non-printable characters (Unicode's control, format, surrogate and unassigned ones, and separators other than the space)
are replaced or written as escapes.
"""

import json
from collections.abc import Callable

import msgspec


def plain(text: str) -> str:
    r"""Return text for a terminal: `?` stands for each non-printable character.

    >>> plain("m\x1b[2Jodel")
    'm?[2Jodel'
    """
    return _each(text, lambda char: "?")


def escaped(text: str) -> str:
    r"""Return text for a log line: non-printable characters are escaped as in Python, so that nothing is lost.

    >>> print(escaped("a\nrollguard info: forged\x1b[2J"))
    a\nrollguard info: forged\x1b[2J
    """
    return _each(text, lambda char: repr(char)[1:-1])


def json_escaped(text: str) -> str:
    r"""Return JSON text of the same value: non-printable characters in its strings become \uXXXX; lines stay lines.

    >>> json_escaped('{"model":"\u202em\x9b2J"}\n')
    '{"model":"\\u202em\\u009b2J"}\n'
    """
    return "\n".join(_each(line, lambda char: json.dumps(char)[1:-1]) for line in text.split("\n"))


def json_text(value: object) -> str:
    """Return a value as JSON for a terminal, indented, with a line break at its end."""
    return json_escaped(msgspec.json.format(msgspec.json.encode(value), indent=2).decode()) + "\n"


def _each(text: str, of: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else of(char) for char in text)
