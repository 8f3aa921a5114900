"""The state that a step saves where several policies share a worker: that of each, by the name of its file."""

import msgspec


class SavedTeams(msgspec.Struct, frozen=True, kw_only=True):
    """`teams` has, by name of each policy, the bytes that the step would save if that were the only one."""

    teams: dict[str, bytes] = {}
