r"""Halves of characters in JSON, as written by programs that cut a text between the two escapes of, say, an emoji.

The grammar of JSON allows a half (`"\ud83d"`), and JavaScript's and Python's own encoders write it, but it is no
character, and strict decoders refuse the whole text for it. So it becomes U+FFFD, which stands for a lost character.
"""

import re

# A pair, which is whole; a half; or any other escape, so that an escaped backslash does not begin one.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def whole_characters(text: bytes) -> bytes:
    r"""Return JSON with U+FFFD in place of each half of a character.

    >>> whole_characters(rb'["cut \ud83d", "\ude00", "whole \ud83d\ude00", "no escape: \\ud83d"]')
    b'["cut \\ufffd", "\\ufffd", "whole \\ud83d\\ude00", "no escape: \\\\ud83d"]'
    """
    if b"\\ud" not in text and b"\\uD" not in text:
        return text
    return _ESCAPE.sub(lambda escape: b"\\ufffd" if escape[1] else escape[0], text)
