"""The demo's policy: the default one, with a profile of what the model was asked and answered before the release.

Both are kept beside the events, so that a replay of the events watches for the same.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from flows import settings
from flows.demo.folder import POLICY, PROFILE
from flows.demo.traffic import Traffic
from flows.demo.world import World
from operators.ingest.watched import ValueReader
from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.profiles.binning import Value
from operators.profiles.build import build
from operators.profiles.profile import to_json
from operators.wire.events import Event

UNNAMED, NAMED = 'profile = ""', f'profile = "{PROFILE}"'


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The policy and what it was read from."""

    policy: Policy
    text: str
    profile: bytes

    def write(self, data: Path) -> None:
        (data / PROFILE).write_bytes(self.profile)
        (data / POLICY).write_text(self.text, "utf-8")


def known(world: World) -> Known:
    """Return the policy of a demo. ValueError if the default policy has no place for a profile."""
    # The default policy, whatever else is configured: the questions at the end name its SLIs.
    text = settings.Settings().policy.read_text("utf-8")
    if UNNAMED not in text:
        raise ValueError(f"the default policy has no {UNNAMED}")
    text, profile = text.replace(UNNAMED, NAMED, 1), to_json(build(_columns(world)))
    return Known(policy=parse(text, {PROFILE: profile}), text=text, profile=profile)


def _columns(world: World) -> dict[str, Sequence[Value]]:
    """Return the values in requests before the release, or in the first minutes of a world that begins with it."""
    traffic = Traffic(world)
    decoder = msgspec.json.Decoder(Event)
    events = []
    until_ms = world.start_ms + max(world.release_ms, world.length_ms // 6)
    while traffic.now_ms < until_ms:
        events += [event for message in traffic.serve() if (event := _event(decoder, message)) is not None]
    names = sorted({f"features.{name}" for event in events for name in event.features or {}})
    read = ValueReader(events)
    return {name: read.values(name) for name in (*names, "prediction", "score")}


def _event(decoder: msgspec.json.Decoder[Event], message: bytes) -> Event | None:
    try:
        return decoder.decode(message)
    except msgspec.DecodeError:
        return None  # Cut off by its producer.
