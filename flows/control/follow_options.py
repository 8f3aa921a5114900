"""The options of `rollguard control follow`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from operators.connectors.control.follower import From
from operators.wire.control import Severity

STATE = Path("rollguard-control.json")

ControlFile = Annotated[
    Path | None, typer.Option("--file", help="A control.ndjson of `replay` or `demo`, instead of Kafka's topic.")
]
Start = Annotated[
    From | None, typer.Option("--from", help="Where to begin; default: end, and with --until-end beginning.")
]
UntilEnd = Annotated[bool, typer.Option("--until-end", help="Stop when everything was read.")]
Form = Annotated[Literal["text", "json"], typer.Option("--format", help="json: the events as they came.")]

Program = Annotated[
    str | None,
    typer.Option("--exec", help="Run this once per event: JSON on standard input, ROLLGUARD_EVENT_TYPE and so on."),
]
Webhook = Annotated[str | None, typer.Option(help="POST each event here once, signed if ROLLGUARD_WEBHOOK_KEY is set.")]

AlertmanagerUrl = Annotated[
    str | None, typer.Option(help="Send alerts to the Alertmanager at this address, and end them.")
]
SlackUrl = Annotated[
    str | None, typer.Option(help="Post a sentence per event to this webhook; -: that of ROLLGUARD_SLACK_URL.")
]
WithPagerDuty = Annotated[
    bool, typer.Option("--pagerduty", help="Trigger and resolve incidents, by ROLLGUARD_PAGERDUTY_KEY.")
]
PagerDutySeverity = Annotated[
    Severity, typer.Option("--pagerduty-severity", help="The least severity that PagerDuty hears of.")
]
Template = Annotated[
    Path | None, typer.Option(help="A file with the text that people read, such as '{model}: {sentence}'.")
]

State = Annotated[
    Path | None,
    typer.Option(help=f"Remembers what was done; default: {STATE}, and none where events are only printed."),
]
Attempts = Annotated[int, typer.Option(min=1, help="How often to try before giving up.")]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds that one attempt may take.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="End at the first event that cannot be handed on, instead of going on.")
]
