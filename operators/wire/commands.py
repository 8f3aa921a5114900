"""Commands that people and deploy pipelines send to rollguard: JSON objects of a topic keyed by model."""

from typing import Annotated

import msgspec
from msgspec import Meta

from operators.wire.events import Id, Scalar, Text, Time

SILENCE_MS_MAX = 7 * 86_400_000  # From the command's time on: what must be muted for longer needs another policy.
RINGS_MAX = 100
RING_SLICES_MAX = 16  # Dimensions that one ring may name.
ARMS = ("candidate", "baseline")  # The versions that a release has metadata of.
TARGETS = "targets"  # The key in metadata of a version's targets: an object of SLIs and shares of good events.
Details = dict[Text, dict[Text, Scalar | dict[Text, Scalar | None] | None]]
RingSlices = Annotated[dict[Text, Text], Meta(max_length=RING_SLICES_MAX)]


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What people and deploy pipelines send; `id` tells one command from another, `by` is the sender.

    `signature` is the hexadecimal HMAC-SHA256 of the command without its signature (`operators/wire/signing.py`), made
    with key `key`.
    """

    id: Id
    ts: Time
    by: Text = ""
    key: Text = ""
    signature: Text = ""


class Release(Command, frozen=True, kw_only=True, tag="release"):
    """`candidate` begins to serve beside `baseline`; `metadata` of both, by "candidate" and "baseline".

    A version's `targets` in `metadata` are what rules hold it to, such as {"success": 0.97}; once the command is taken
    they stand in `targets` here, likewise by "candidate" and "baseline", and no longer in `metadata`.
    `mirrored`: the candidate answers copies of the baseline's requests, and serves nobody, until it is released without
    `mirrored`. `rings`: the candidate serves these slices alone, each given by the values of its dimensions.
    """

    model: Id
    candidate: Id
    baseline: Id
    traffic_share: Annotated[float, Meta(gt=0, lt=1)] | None = None
    metadata: Details = {}
    mirrored: bool = False
    rings: Annotated[tuple[RingSlices, ...], Meta(max_length=RINGS_MAX)] = ()
    targets: dict[Text, dict[Text, float]] = {}


class Override(Command, frozen=True, kw_only=True, tag="override"):
    """Let `version` run whatever the rules say, until the override is `revoked`."""

    model: Id
    version: Id
    revoked: bool = False


class Kill(Command, frozen=True, kw_only=True, tag="kill"):
    """Take `version` out: it gets no traffic until it is released again, or an override lets it run."""

    model: Id
    version: Id


class Rollback(Command, frozen=True, kw_only=True, tag="rollback"):
    """Take `version` out, and send its traffic `to` another one; without `to`, to its baseline or the fallback."""

    model: Id
    version: Id
    to: Id | None = None


class Pin(Command, frozen=True, kw_only=True, tag="pin"):
    """Send all traffic to `version`, until the pin is lifted, another one takes its place or something is released."""

    model: Id
    version: Id


class Unpin(Command, frozen=True, kw_only=True, tag="unpin"):
    """Let traffic go to all versions of a model but the withdrawn ones."""

    model: Id


class Ack(Command, frozen=True, kw_only=True, tag="ack"):
    """Somebody looks after control event `event`."""

    model: Id
    event: Id


class Silence(Command, frozen=True, kw_only=True, tag="silence"):
    """Mute alerts of a model, of a rule, or of a rule on a model, until `until`; never a rollback.

    It replaces an earlier silence of the same model and rule.
    """

    until: Time
    model: Id | None = None
    rule: Id | None = None


class Unsilence(Command, frozen=True, kw_only=True, tag="unsilence"):
    """End the silence of this very model and rule."""

    model: Id | None = None
    rule: Id | None = None


AnyCommand = Release | Override | Kill | Rollback | Pin | Unpin | Ack | Silence | Unsilence
