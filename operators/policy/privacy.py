"""How texts, and the ids of users and sessions, are kept."""

from typing import Literal

import msgspec

from operators.policy.reading import Positive

Values = Literal["hashed", "full"]
Texts = Literal["none", "redacted", "full"]
Ids = Literal["hashed", "full"]


class Privacy(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[privacy]`: texts that offend against a contract are kept as a pseudonym, or as they came."""

    values: Values = "hashed"


class Archive(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[archive]`: how the request log keeps `texts` (input, output, prediction) and user and session `ids`.

    At most `text_chars_max` characters of a text are kept.
    """

    texts: Texts = "redacted"
    ids: Ids = "hashed"
    text_chars_max: Positive = 32_768
