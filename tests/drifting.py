"""Takes events of one model through ingest, panes and the judge in memory, as a worker does."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from operators.drift.results import Drift, Monitored
from operators.evaluation import ShardEvaluation
from operators.evaluation_state import PaneOutcome
from operators.ingest.messages import Messages
from operators.ingest.partition import Partition
from operators.policy.policy import Policy
from operators.policy.worker import SHARDS
from operators.policy_file.toml import parse
from operators.profiles.build import build
from operators.profiles.profile import Profile, to_json
from operators.window.pane_items import Closed
from operators.window.panes import Panes
from operators.window.shards import shard_of
from operators.window.windows import PaneWithWindows
from tests.dataflows.making import received
from tests.policies import base, sli, table
from tests.saving import again

MODEL = "m"
START_MS = 1_760_572_800_000  # 2025-10-16, midnight.
M, H, D = 60_000, 3_600_000, 86_400_000
Item = dict[str, Any]

BASE = (
    base("region", pane="1m", tumbling=["1m"], measures=["latency_ms", "feedback.judge"])
    + table("dedup", horizon="0s")
    + sli("ok", "no_error")
)


def a_monitor_of_each(more: str = "") -> str:
    """A monitor of each kind that compares with a profile, each with the lines `more`."""
    return "".join(
        f'[[monitor]]\nname = "{kind}"\nkind = "{kind}"\n{on}{more}'
        for kind, on in (
            ("psi", 'on = "*"\n'),
            ("lasting", 'on = "*"\n'),
            ("sigma", 'on = "features.x"\nreference = "profile"\n'),
            ("contract", 'window = "1h"\n'),
        )
    )


def policy_of(monitors: str, profile: Mapping[str, Sequence[Any]] | Profile | None = None) -> Policy:
    """Return a policy with these tables; a profile, if given, is used by all monitors."""
    files = {}
    if profile is not None:
        files["p.json"] = to_json(profile if isinstance(profile, Profile) else build(profile))
        monitors = '[drift]\nprofile = "p.json"\n' + monitors
    return parse(BASE + monitors, files)


def event(ts: int, version: str = "v1", **fields: Any) -> Item:
    region = fields.pop("region", "eu")
    return {"request_id": f"{version}-{ts}", "ts": ts, "model": MODEL, "version": version, **fields} | {
        "slices": {"region": region}
    }


def judged_by(ts: int, value: float, version: str = "v1") -> Item:
    """A judge's score of an event."""
    return event(ts, version, kind="judge", value=value)


class Run:
    """A run and its result: `judged`, pane by pane."""

    def __init__(
        self,
        policy: Policy,
        events: Iterable[Item],
        feedback: Iterable[Item] = (),
        commands: Iterable[Item] = (),
        *,
        batch: int = 10_000,
        restart: bool = False,
        tell_quiet: bool = False,
        model: str = MODEL,
    ) -> None:
        self.policy, self.judge = policy, ShardEvaluation(policy)
        self.judged: list[PaneOutcome] = []
        self._shard = shard_of(model, SHARDS)
        self._restart, self._tell_quiet = restart, tell_quiet
        logs = {"events": events, "feedback": feedback, "commands": commands}
        panes = Panes(policy)
        for name, items in logs.items():
            lines = [json.dumps(item).encode() for item in sorted(items, key=lambda item: item["ts"])]
            partition = Partition(name, name, tuple(logs), policy)  # type: ignore[arg-type]
            for at in range(0, len(lines), batch):
                taken = partition.take(_messages(lines, at, at + batch))
                assert not taken.rejects, taken.rejects[0]
                self._close(panes, taken.inputs)
            self._close(panes, partition.end())

    @property
    def drifts(self) -> list[Drift]:
        """All findings, with a row of their own or not."""
        found = []
        for each in self.monitored:
            found += [*each.drifts, *(drift for series in each.series for drift in series.unchanged)]
        return found

    @property
    def bad(self) -> list[Drift]:
        return [drift for drift in self.drifts if drift.word == "BAD"]

    @property
    def monitored(self) -> list[Monitored]:
        return [each.drift for each in self.judged]

    def text(self) -> list[str]:
        """The whole result, as text in which any two bits differ."""
        return [repr(msgspec.structs.replace(each, drift=_plain(each.drift))) for each in self.judged]

    def _close(self, panes: Panes, inputs: Iterable[tuple[int, Any]]) -> None:
        for shard, item in inputs:
            for closed in panes.push(item) if shard == self._shard else ():
                assert isinstance(closed, Closed)
                self._push(closed)

    def _push(self, closed: Closed) -> None:
        if self._tell_quiet and self.judged:
            for pane in range(self.judge.state.pane + 1, closed.pane):
                self._push_one(Closed(pane=pane))
        self._push_one(closed)

    def _push_one(self, closed: Closed) -> None:
        if self._restart:
            self.judge = ShardEvaluation(self.policy, again(self.judge.state))
        self.judged += self.judge.push(PaneWithWindows(closed=closed, windows=()))


def _messages(lines: Sequence[bytes], start: int, stop: int) -> Messages:
    return received(lines[start:stop], start + 1, START_MS + 400 * D)


def _plain(monitored: Monitored) -> Any:
    windows = [
        {
            name: value.tolist() if hasattr(value, "tolist") else value
            for name, value in msgspec.structs.asdict(window).items()
        }
        for window in monitored.windows
    ]
    return monitored.drifts, monitored.series, monitored.heard, windows, monitored.profiles
