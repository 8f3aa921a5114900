"""What a step saves where several policies share a worker: what it has saved of each, by the name of its file."""

import msgspec


class SavedTeams(msgspec.Struct, frozen=True, kw_only=True):
    """`teams` are the bytes that the step saves where there is but one policy, by the name of each."""

    teams: dict[str, bytes] = {}
