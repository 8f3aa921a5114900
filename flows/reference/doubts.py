"""What the builder of a profile must know about its fields: texts that are numbers, values that could not be read."""

from collections.abc import Collection, Mapping

from flows.reference.columns import Columns
from flows.reference.items import Counted, WrongReference
from operators.profiles.number_texts import doubt_of
from operators.profiles.profile import Field, Profile

FAULTS_MAX = 5  # Columns that are named.
LISTED_MIN = 0.5  # Share of a category's values.
ADVICE = (
    "write a number as 1.5, without thousands separator, unit or %, and nothing where it is missing;"
    " if these are names, say so: --category"
)


def check_texts(columns: Columns, categories: Collection[str], counted: Counted, *, is_typed: bool) -> None:
    """Note odd texts in columns that are not declared as categories. WrongReference for useless columns."""
    faults: list[str] = []
    if unknown := [name for name in categories if name not in columns]:
        raise WrongReference(f"--category {unknown[0]}: no item has it; there are {', '.join(columns) or 'none'}")
    for name, values in columns.items():
        doubt = None if name in categories else doubt_of(values, is_typed=is_typed)
        if doubt is not None:
            (faults if doubt.is_fault else counted.notes).append(f"{name}: {doubt.what}")
    if faults:
        more = f"; and {len(faults) - FAULTS_MAX} fields more" if len(faults) > FAULTS_MAX else ""
        name = faults[0].partition(":")[0]
        raise WrongReference(f"{'; '.join(faults[:FAULTS_MAX])}{more}; {ADVICE} {name}")


def check_like(columns: Columns, like: Profile) -> None:
    """Raise WrongReference where a field with bins of numbers has mostly texts, none of which would count."""
    for name, field in like.fields.items():
        texts = [value for value in columns.get(name, ()) if isinstance(value, str)]
        present = sum(value is not None for value in columns.get(name, ()))
        if field.kind == "number" and 2 * len(texts) > present:
            says = f"{len(texts)} of {present} values are texts, such as {min(texts)[:40]!r}"
            raise WrongReference(f"--like: {name} is a number there, but here {says}: write numbers as 1.5")


def note_unlisted(fields: Mapping[str, Field], counted: Counted) -> None:
    """Note the categories with mostly unlisted values, about which the profile can say little."""
    for name, field in fields.items():
        present = field.rows - field.counts[field.missing]
        listed = sum(field.counts[: field.missing])
        if field.kind == "category" and listed < LISTED_MIN * present:
            counted.notes.append(
                f"{name}: its {len(field.categories)} most frequent values of {field.cardinality} are"
                f" {listed / present:.0%} of all: of the others only the share is watched"
            )


def note_unusable(counted: Counted) -> None:
    """Note which fields could not be read in some items."""
    for name, items in sorted(counted.unusable.items()):
        counted.notes.append(f"{name}: left out, in part or whole, of {items} items, where it is not what events have")
