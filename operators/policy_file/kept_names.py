"""The names under which a recovery store keeps the state of policy files, as one file becomes several or one again.

State is kept under the name of its file; that of an only file under "". When several files replace an only one, one of
them goes on with its counts, under the old name, and models that the others take move over to these, as between any
two files (`operators/handing_over.py`). A file that is alone after there were several stays a file among them, the one
that takes all. A file that comes back after it was gone is another one, as its counts have ended: its name gets a
number.
"""

from collections.abc import Collection, Mapping

import msgspec

from operators.policy.claims import Claims
from operators.policy.layout import Layout
from operators.policy.policy import Policy
from operators.policy_file.teams import ALL, DEFAULT, joined

Layouts = dict[str, Layout]  # By the name of the file, "" where there is only one policy.


def kept_as(
    policy: Policy, known: Mapping[str, Layout], models: Collection[str], counted: Collection[str]
) -> tuple[Policy, Layouts]:
    """Return a policy whose files have the names under which a store keeps them, and the layouts that it goes on from.

    `models` are those that the store knows of the file that was alone, `counted` the names of the files of which it
    has open panes.
    """
    if not known or not (policy.teams or ALL in known):
        return policy, dict(known)
    if not policy.teams:
        policy = joined([policy], Claims([()], 0))
    there = {name: layout for name, layout in known.items() if name != ALL and (name in counted or not layout.gone)}
    names = _names(policy, known, there, models)
    layouts = {
        name: msgspec.structs.replace(each, gone=name not in (*names.values(), ALL)) for name, each in known.items()
    }
    for file, name in names.items():
        before = layouts.get(name)
        if before is not None:
            alone = before.alone or ALL not in known
            layouts[name] = msgspec.structs.replace(before, file=file or before.file, alone=alone)
    teams = tuple(_named(each, names[each.file], layouts) for each in policy.teams)
    return msgspec.structs.replace(policy, teams=teams), layouts


def only_file(known: Mapping[str, Layout]) -> str | None:
    """Return the kept name of the file that was alone at the last start, None where there were several."""
    last = [name for name, layout in known.items() if name != ALL and not layout.gone]
    return last[0] if len(last) == 1 else None


def _named(policy: Policy, name: str, layouts: Mapping[str, Layout]) -> Policy:
    prefix = "" if name in layouts and layouts[name].alone else f"{name}:"
    return msgspec.structs.replace(policy, team=name, slot_prefix=prefix)


def _names(
    policy: Policy, known: Mapping[str, Layout], there: Mapping[str, Layout], models: Collection[str]
) -> dict[str, str]:
    """Return by file the name under which its state is kept; `there` are the layouts whose state is complete."""
    kept = {layout.file or name.partition("/")[0]: name for name, layout in there.items()}
    files = [each.file for each in policy.teams]
    if files == [""]:
        return {"": "" if "" in there else _alike(policy.teams[0], there) if there else _new("", known)}
    names = {file: kept[file] if file in kept else _new(file, known) for file in files}
    new = [number for number, file in enumerate(files) if file not in kept]
    alone = only_file(known)
    if alone is not None and alone not in names.values() and new:  # No file has taken over its state yet.
        names[files[_heir(policy, new, known[alone], models)]] = alone
    return names


def _new(file: str, known: Collection[str]) -> str:
    """Return a new name for a file of which a store has nothing, or not all; no file itself has such a name."""
    return next(
        name for name in (file, *(f"{file}/{number}" for number in range(2, len(known) + 3))) if name not in known
    )


def _heir(policy: Policy, files: Collection[int], before: Layout, models: Collection[str]) -> int:
    """Return which of several files goes on: one that counts alike, and of these the one with the most models."""
    of = policy.claims.of if policy.claims is not None else lambda _: 0
    taken = [of(model) for model in models]

    def fits(number: int) -> tuple[bool, int, bool]:
        each = policy.teams[number]
        return each.shape in before.widths, taken.count(number), each.file == DEFAULT

    return max(files, key=fits)


def _alike(policy: Policy, there: Mapping[str, Layout]) -> str:
    """Return the file of a store that an only file goes on from: one that counts alike, or the one of the rest."""

    def fits(name: str) -> tuple[bool, bool]:
        return policy.shape in there[name].widths, DEFAULT in (name, there[name].file)

    return max(sorted(there), key=fits)
