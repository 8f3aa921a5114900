"""The options of `rollguard gate`."""

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[str, typer.Argument(help="The model whose eval set it is.")]
Version = Annotated[str, typer.Option("--version", help="The version that may be released.")]
Endpoint = Annotated[str, typer.Option("--endpoint", help="Its address, such as https://host/v1.")]
Baseline = Annotated[
    str | None, typer.Option("--baseline", help="The version it is compared with; default: the one that serves.")
]
Alone = Annotated[bool, typer.Option("--no-baseline", help="Compare it with none.")]
BaselineEndpoint = Annotated[
    str | None, typer.Option("--baseline-endpoint", help="The address of that; default: the same.")
]
Name = Annotated[
    str, typer.Option("--name", help="What the endpoint calls a version; {model} and {version} are filled in.")
]

Wanted = Annotated[str, typer.Option("--set", help="NUMBER, NUMBER:HASH, or latest.")]
CasesFile = Annotated[
    Path | None, typer.Option("--cases", help="A set that `evals export` wrote, instead of the store.")
]

Evaluators = Annotated[
    list[str] | None, typer.Option("--evaluator", help="One of the policy's that all answers have to pass.")
]
Comparing = Annotated[str | None, typer.Option("--compare", help="One of kind llm that says whose answers are better.")]
AllowKnown = Annotated[bool, typer.Option("--allow-known", help="What the baseline fails as well may fail.")]
Repeat = Annotated[int, typer.Option("--repeat", min=1, max=99, help="How often a case that fails is asked.")]
Concurrency = Annotated[int, typer.Option("--concurrency", min=1, max=64, help="Cases at once.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds that one answer may take.")]
JUnit = Annotated[Path | None, typer.Option("--junit", help="The file to write JUnit XML to.")]
