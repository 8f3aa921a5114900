"""What is kept of texts, and of the ids of users and sessions."""

from typing import Literal

import msgspec

from operators.policy.reading import Positive

Values = Literal["hashed", "full"]
Texts = Literal["none", "redacted", "full"]
Ids = Literal["hashed", "full"]


class Privacy(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[privacy]`: texts that offend against a contract are kept by a pseudonym, or as they came."""

    values: Values = "hashed"


class Archive(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[archive]`: what the request log keeps of `texts` (input, output, prediction) and of user and session `ids`.

    Of a text no more than `text_chars_max` characters are kept.
    """

    texts: Texts = "redacted"
    ids: Ids = "hashed"
    text_chars_max: Positive = 32_768
