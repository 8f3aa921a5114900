"""Checks before anything is archived: there are pseudonyms for users' ids, and events can be read in full."""

import msgspec

from flows.settings import PLACEHOLDER, Settings, pseudonyms
from operators.ingest.formats.registry import FORMATS
from operators.policy.errors import PolicyError
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms


def checked_pseudonyms(where: Settings, policy: Policy) -> Pseudonyms:
    """Return the pseudonyms. PolicyError if ids are to be hashed without a key: such a hash is soon guessed.

    msgspec.ValidationError: a setting does not fit.
    """
    for each in where.inputs.values():
        if each.stream == "events" and FORMATS[each.form].requests is None:
            raise msgspec.ValidationError(f"events in the format {each.form} cannot be archived")
    if policy.archive.ids == "hashed" and where.id_key is None:
        raise PolicyError("archive.ids", "hashed", 'needs a key: set ROLLGUARD_ID_KEY, or let ids stand with "full"')
    if where.id_key is not None and PLACEHOLDER in where.id_key:
        raise msgspec.ValidationError("ROLLGUARD_ID_KEY: is the placeholder of the examples; make a secret")
    return pseudonyms(where)
