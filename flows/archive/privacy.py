"""What stands for users' ids in the request log: nothing is archived before that is decided."""

import msgspec

from flows.settings import PLACEHOLDER, Settings, pseudonyms
from operators.policy.errors import PolicyError
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms


def checked_pseudonyms(where: Settings, policy: Policy) -> Pseudonyms:
    """Return them. PolicyError if ids are to be hashed and there is no key: a hash without one is soon guessed."""
    if policy.archive.ids == "hashed" and where.id_key is None:
        raise PolicyError("archive.ids", "hashed", 'needs a key: set ROLLGUARD_ID_KEY, or let ids stand with "full"')
    if where.id_key is not None and PLACEHOLDER in where.id_key:
        raise msgspec.ValidationError("ROLLGUARD_ID_KEY: is the placeholder of the examples; make a secret")
    return pseudonyms(where)
