"""The settings of a place: where things are and how to reach them. The only reader of the environment.

variable                 meaning                                              default
ROLLGUARD_CLICKHOUSE     address of ClickHouse, chdb:///folder or http(s)://  the embedded store in rollguard-data
ROLLGUARD_POLICY         the policy, a file or folder                         the policy that comes with rollguard
ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS  host:port,... of some Kafka brokers        localhost:9092
ROLLGUARD_KAFKA_GROUP    under which name lag tools see the worker            rollguard
ROLLGUARD_KAFKA_PUBLISH_OFFSETS  tell lag tools how far the worker is (true)   false
ROLLGUARD_CLICKHOUSE_DEADLINE_S  seconds of retries before the worker stops    120
ROLLGUARD_READY_S        without the end of an epoch: then /readyz says no       30
ROLLGUARD_STUCK_S        and then a worker that is frozen ends itself            300
ROLLGUARD_KAFKA__NAME    any setting of librdkafka, as SASL_PASSWORD for sasl.password
ROLLGUARD_EVENTS_TOPIC, ROLLGUARD_FEEDBACK_TOPIC, ROLLGUARD_COMMANDS_TOPIC  inference.events, inference.feedback, ...
ROLLGUARD_RAW_FEEDBACK_TOPIC  feedback without context, which `enrich` reads  inference.feedback.raw
ROLLGUARD_EVENTS_FORMAT  what the messages of events are: native, otlp, arrow native
ROLLGUARD_FEEDBACK_FORMAT, ROLLGUARD_RAW_FEEDBACK_FORMAT  and those of feedback  native
ROLLGUARD_MORE_TOPICS    TOPIC:STREAM[:FORMAT],...: further topics of events or none
                         feedback that `run` and `archive` read, as one a team
ROLLGUARD_CONTROL_TOPIC, ROLLGUARD_DEADLETTER_TOPIC  rollguard.control, rollguard.deadletter
ROLLGUARD_COMMAND_KEY    the secret that commands are signed with              none: commands need no signature
ROLLGUARD_CONTROL_KEY    ID:SECRET,ID:SECRET...: the first signs what the      none: control events are not signed,
                         worker says; `control` and gateways believe all      and all are believed
ROLLGUARD_ID_KEY         the secret that ids are hashed with in dead letters    none: ids are not kept there,
                         and in the request log, and that draws which events   and `archive` does not start
                         of sessions are compared
ROLLGUARD_WEBHOOK_KEY    the secret that webhooks are signed with              none: they are sent unsigned
ROLLGUARD_PAGERDUTY_KEY  the routing key of `control follow --pagerduty`        none
ROLLGUARD_PAGERDUTY_URL  where its events go: the EU's, a proxy's               https://events.pagerduty.com/v2/enqueue
ROLLGUARD_SLACK_URL      the webhook of `control follow --slack -`             none
ROLLGUARD_GATE_KEY       the bearer token of the endpoint that `gate` asks    none
ROLLGUARD_PAGE_TOKEN     what people have to know to look at the page          none: it listens on 127.0.0.1 only
ROLLGUARD_CASES_CLICKHOUSE  the store of `page --cases`, as a user who may     ROLLGUARD_CLICKHOUSE
                         add to cases (role rollguard_triager)
ROLLGUARD_FAST           off: the compiled kernels of the extra `fast` are      auto: where they are installed
                         not used, with the same results
ROLLGUARD_LOG_FORMAT     text or json                                         text
ROLLGUARD_LOG_LEVEL      debug, info, warning or error                        info for `run`, else warning
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec

from flows.input_topics import InputTopic, joined_topics, more_topics_of
from operators.connectors.clickhouse.address import Address
from operators.connectors.kafka.config import KafkaConfig, librdkafka_settings
from operators.ingest.formats.format import Stream
from operators.ingest.formats.registry import FORMATS
from operators.pseudonyms import Pseudonyms
from operators.wire.sealing import SealingKey, keys_of

DATA = Path("rollguard-data")
PREFIX = "ROLLGUARD_"  # Of all variables.
PLACEHOLDER = "CHANGE-ME"  # In the secrets of infra's examples, which are public.
HERE = Path(__file__).resolve().parent


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`clickhouse` is None if only the embedded store is used."""

    clickhouse: str | None = None
    policy: Path = HERE / "policy.toml"
    kafka_bootstrap_servers: str = "localhost:9092"
    kafka_group: str = "rollguard"
    kafka_publish_offsets: bool = False
    clickhouse_deadline_s: Annotated[float, msgspec.Meta(gt=0)] = 120.0
    ready_s: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    stuck_s: Annotated[float, msgspec.Meta(gt=0)] = 300.0
    kafka_settings: dict[str, str] = {}
    events_topic: str = "inference.events"
    feedback_topic: str = "inference.feedback"
    raw_feedback_topic: str = "inference.feedback.raw"
    commands_topic: str = "rollguard.commands"
    events_format: str = "native"
    feedback_format: str = "native"
    raw_feedback_format: str = "native"
    more_topics: str = ""
    control_topic: str = "rollguard.control"
    deadletter_topic: str = "rollguard.deadletter"
    command_key: Annotated[str, msgspec.Meta(min_length=16)] | None = None
    control_key: str | None = None
    webhook_key: Annotated[str, msgspec.Meta(min_length=16)] | None = None
    pagerduty_key: str | None = None
    pagerduty_url: str = "https://events.pagerduty.com/v2/enqueue"
    slack_url: str | None = None
    id_key: Annotated[str, msgspec.Meta(min_length=16)] | None = None
    gate_key: Annotated[str, msgspec.Meta(pattern="^[!-~]+$")] | None = None
    page_token: Annotated[str, msgspec.Meta(min_length=16)] | None = None
    cases_clickhouse: str | None = None
    fast: Literal["auto", "off"] = "auto"
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] | None = None

    @property
    def control_keys(self) -> tuple[SealingKey, ...]:
        """The keys of control events, the signing key first. ValueError."""
        return keys_of(self.control_key) if self.control_key else ()

    @property
    def signing_key(self) -> SealingKey | None:
        """The key that control events are signed with, if any."""
        return next(iter(self.control_keys), None)

    @property
    def inputs(self) -> dict[str, InputTopic]:
        """The topics that the monitor reads, by name. ValueError."""
        own = (
            InputTopic(name=self.events_topic, stream="events", form=self.events_format),
            InputTopic(name=self.feedback_topic, stream="feedback", form=self.feedback_format),
            InputTopic(name=self.commands_topic, stream="commands"),
        )
        return joined_topics(iter((*own, *more_topics_of(self.more_topics))))

    def in_group(self, worker: str) -> "Settings":
        """The settings of another worker, in its own group: lag tools would take two workers of one name for one."""
        return msgspec.structs.replace(self, kafka_group=f"{self.kafka_group}-{worker}")

    @property
    def kafka(self) -> KafkaConfig:
        return KafkaConfig(
            bootstrap_servers=self.kafka_bootstrap_servers, settings=self.kafka_settings, group=self.kafka_group
        )


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. `msgspec.ValidationError` names a variable with a wrong value."""
    names = (name for name in Settings.__struct_fields__ if name != "kafka_settings")
    known: dict[str, object] = {name: value for name in names if (value := environment.get(PREFIX + name.upper()))}
    known["kafka_settings"] = librdkafka_settings(environment)
    try:
        settings = msgspec.convert(known, Settings, strict=False, dec_hook=lambda _, value: Path(value))
    except msgspec.ValidationError as error:
        path = str(error).rpartition("$.")[2].rstrip("`")
        value = "" if path.endswith("_key") else f" = {known.get(path)!r}"  # A secret is never shown.
        wrong = f"{PREFIX}{path.upper()}{value}: {str(error).partition(' - at')[0]}"
        raise msgspec.ValidationError(wrong) from error
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    """Raise `msgspec.ValidationError` for what types cannot check."""
    for name in ("clickhouse", "cases_clickhouse"):
        try:
            Address.parse(getattr(settings, name) or embedded(DATA))
        except ValueError as error:
            raise msgspec.ValidationError(f"{PREFIX}{name.upper()}: {error}") from error
    try:
        _ = settings.control_keys
    except ValueError as error:
        raise msgspec.ValidationError(f"{PREFIX}CONTROL_KEY: {error}") from error
    for name in ("events_format", "feedback_format", "raw_feedback_format"):
        if (fault := format_fault(getattr(settings, name))) is not None:
            raise msgspec.ValidationError(f"{PREFIX}{name.upper()} = {fault}")
    try:
        _ = settings.inputs
    except ValueError as error:
        raise msgspec.ValidationError(f"{PREFIX}MORE_TOPICS = {error}") from error
    try:
        _ = settings.kafka
    except ValueError as error:
        raise msgspec.ValidationError(str(error)) from error


def format_fault(form: str) -> str | None:
    """Return what is wrong with the name of an input format, None where nothing is."""
    return None if form in FORMATS else f"{form!r}: must be one of {', '.join(FORMATS)}"


# What a program that rollguard starts needs to run at all; none of these is a secret.
PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TERM", "SSL_CERT_FILE")


def environment(added: Mapping[str, str], own: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of a program that rollguard starts: `added`, and of rollguard's own PASSED_ON and LC_*."""
    passed = {name: value for name, value in own.items() if name in PASSED_ON or name.startswith("LC_")}
    return {**passed, **added}


def variable(name: str, own: Mapping[str, str] = os.environ) -> str:
    """Return the value of a variable that a policy names; '' where it is not set."""
    return own.get(name, "")


def forms(where: Settings) -> dict[Stream, str]:
    """Return the formats of the inputs; commands are always native."""
    return {"events": where.events_format, "feedback": where.feedback_format}


def pseudonyms(where: Settings) -> Pseudonyms:
    """Return what stands for ids and texts that must not be kept."""
    return Pseudonyms(where.id_key)


def embedded(folder: Path) -> str:
    """Return the address of the embedded ClickHouse store in a data folder."""
    return f"chdb://{quote(str((folder / 'clickhouse').resolve()))}"


def store(where: Settings, data: Path | None) -> str:
    """Return the address to ask: the folder that was named, else the configured ClickHouse, else the usual folder."""
    if data is None and where.clickhouse is not None:
        return where.clickhouse
    return embedded(data or DATA)


def has_display(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Tell whether there is a screen to open a browser on.

    >>> has_display({}, "linux"), has_display({"DISPLAY": ":0"}, "linux"), has_display({}, "darwin")
    (False, True, True)
    """
    return platform == "darwin" or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def migrations() -> Path:
    """Return the folder of the ClickHouse migrations: in the wheel, or in a checkout."""
    return _infra("clickhouse")


def runbooks() -> Path:
    """Return the folder of the pages that say what to do."""
    return _infra("runbooks")


def _infra(name: str) -> Path:
    inside = HERE / "infra" / name
    return inside if inside.is_dir() else HERE.parent / "infra" / name
