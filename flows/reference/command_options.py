"""The options of `rollguard reference build`."""

from pathlib import Path
from typing import Annotated

import typer

Files = Annotated[
    list[Path] | None, typer.Argument(help="Files of events, .ndjson, .gz or .zst; or tables, .csv or .parquet.")
]
Out = Annotated[Path, typer.Option("--out", help="The profile to write, .json.")]
Store = Annotated[
    bool, typer.Option("--store", help="Instead of files: what the configured ClickHouse, or --data, has counted.")
]
Requests = Annotated[
    bool, typer.Option("--requests", help="Instead of files: the request log there; it has no features.")
]
Data = Annotated[
    Path | None, typer.Option("--data", help="With --store or --requests: the folder of an embedded store.")
]

Models = Annotated[list[str] | None, typer.Option("--model", help="Only of this model; repeatable.")]
Versions = Annotated[list[str] | None, typer.Option("--version", help="Only of this version; repeatable.")]
From = Annotated[str | None, typer.Option("--from", help="From then on, such as 2026-11-21T12:00:00Z.")]
Until = Annotated[str | None, typer.Option("--until", help="Before then.")]
Sample = Annotated[int, typer.Option(min=100, help="At most so many requests are looked at.")]

Fields = Annotated[
    list[str] | None,
    typer.Option("--field", help="Only this field, such as features.amount or score; repeatable. Default: all."),
]
Categories = Annotated[
    list[str] | None,
    typer.Option("--category", help="The values of this field are names, also where they are numbers; repeatable."),
]
Bins = Annotated[int, typer.Option(min=2, help="Quantile bins of a number.")]
Embedding = Annotated[bool, typer.Option("--embedding", help="Find clusters of the embeddings.")]
Clusters = Annotated[int, typer.Option(min=2, help="How many clusters.")]
Residual = Annotated[
    bool, typer.Option("--residual", help="Add how far numeric features are from how they go together.")
]
Like = Annotated[
    Path | None, typer.Option("--like", help="Count in the bins of this profile, to compare or merge with it.")
]
By = Annotated[
    list[str] | None,
    typer.Option(
        "--by",
        help="Keep slices apart, such as region or region,segment as in the policy; repeatable."
        " Default: those of --like.",
    ),
]
Whole = Annotated[
    bool, typer.Option("--whole", help="Do not keep the hours of the week apart where there is a week of items.")
]
Timezone = Annotated[
    str | None,
    typer.Option(
        "--timezone",
        help="Whose clocks hours of the week are counted by, such as Europe/Berlin. Default: of --like.",
    ),
]
