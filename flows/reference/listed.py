"""Fields of many categories: listed by half of their values, counted in the others (`operators/profiles/listed.py`)."""

from collections.abc import Collection

import msgspec

from flows.reference.columns import Columns
from flows.reference.items import Counted, WrongReference
from operators.profiles.build import build_like
from operators.profiles.listed import COUNTED, listed_apart
from operators.profiles.profile import Profile


def counted_apart(profile: Profile, columns: Columns, counted: Counted) -> tuple[Profile, Columns, Collection[str]]:
    """Return a profile that lists many categories from other values than it counts, and the columns counted.

    And the names of the halved columns: values are in the order of hashes, so that a half represents all. A field with
    no listed value in the counted half is left out, with a note. WrongReference where no field is left.
    """
    lists = {
        name: listed
        for name, field in profile.fields.items()
        if field.kind == "category" and (listed := listed_apart(columns[name])) is not None
    }
    some = {name: values[COUNTED] if name in lists else values for name, values in columns.items()}
    fields = dict(profile.fields)
    for name, listed in lists.items():
        field = build_like({name: some[name]}, Profile(fields={name: listed})).fields[name]
        if not any(field.counts[: field.missing]):
            counted.notes.append(
                f"{name}: left out: it has {fields[name].cardinality} values, and hardly one comes again"
            )
            del fields[name], some[name]
            continue
        fields[name] = msgspec.structs.replace(field, cardinality=fields[name].cardinality)
    if not fields and profile.embedding is None:
        raise WrongReference("; ".join(counted.notes))
    return msgspec.structs.replace(profile, fields=fields), some, lists.keys()
