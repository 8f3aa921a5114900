"""`rollguard reference`: thin."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from msgspec import UNSET
from rich.console import Console
from rich.table import Table

from flows import progress, reference, settings
from flows.cli_errors import guarded
from flows.plain import json_escaped, plain
from flows.reference_items import Wanted, WrongReference
from flows.reference_store import profile_of_requests, profile_of_store
from operators.profiles.embedding import CLUSTERS
from operators.profiles.local_time import UTC, known_zone
from operators.profiles.merging import NotMergeable, merged
from operators.profiles.profile import Field, Profile, from_json, to_json
from operators.wire.events import ms_of

app = typer.Typer(no_args_is_help=True, help="Frozen reference profiles: what monitors compare with.")

Files = Annotated[
    list[Path] | None, typer.Argument(help="Files of events, .ndjson, .gz or .zst; or tables, .csv or .parquet.")
]
TOP = 3  # Bins of a field that are shown.
WIDTH = 2_000  # Characters: a narrow terminal breaks lines; a table that folds cannot be searched.


@app.command("build")
@guarded
def build_command(
    out: Annotated[Path, typer.Option("--out", help="The profile to write, .json.")],
    files: Files = None,
    store: Annotated[
        bool, typer.Option("--store", help="Instead of files: what the configured ClickHouse, or --data, has counted.")
    ] = False,
    requests: Annotated[
        bool, typer.Option("--requests", help="Instead of files: the request log there; it has no features.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="With --store or --requests: the folder of an embedded store.")
    ] = None,
    feedback: Annotated[list[Path] | None, typer.Option("--feedback", help="A file of feedback; repeatable.")] = None,
    model: Annotated[list[str] | None, typer.Option("--model", help="Only of this model; repeatable.")] = None,
    version: Annotated[list[str] | None, typer.Option("--version", help="Only of this version; repeatable.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="From then on, such as 2026-11-21T12:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Before then.")] = None,
    field: Annotated[
        list[str] | None,
        typer.Option("--field", help="Only this field, such as features.amount or score; repeatable. Default: all."),
    ] = None,
    category: Annotated[
        list[str] | None,
        typer.Option("--category", help="The values of this field are names, also where they are numbers; repeatable."),
    ] = None,
    bins: Annotated[int, typer.Option(min=2, help="Quantile bins of a number.")] = reference.Options().bins,
    embedding: Annotated[bool, typer.Option("--embedding", help="Find clusters of the embeddings.")] = False,
    clusters: Annotated[int, typer.Option(min=2, help="How many clusters.")] = CLUSTERS,
    residual: Annotated[
        bool, typer.Option("--residual", help="Add how far numeric features are from how they go together.")
    ] = False,
    like: Annotated[
        Path | None, typer.Option("--like", help="Count in the bins of this profile, to compare or merge with it.")
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="Keep slices apart, such as region or region,segment as in the policy; repeatable."),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Do not keep the hours of the week apart where there is a week of items.")
    ] = False,
    timezone: Annotated[
        str | None,
        typer.Option(
            "--timezone",
            help="Whose clocks hours of the week are counted by, such as Europe/Berlin. Default: of --like.",
        ),
    ] = None,
    sample: Annotated[int, typer.Option(min=100, help="At most so many requests are looked at.")] = reference.SAMPLE,
) -> None:
    """Freeze how each field is distributed in some events and feedback."""
    sources = [bool(files), store, requests]
    if sources.count(True) != 1 or (not files and (feedback or embedding or residual)) or (data is not None and files):
        raise WrongReference(
            "needs one of: files, with --feedback, --embedding and --residual; --store or --requests, with --data"
        )
    if category and (like is not None or not files):
        raise WrongReference("--category: only with files, and without --like, whose fields are what they are there")
    if residual and like is not None:
        raise WrongReference("--residual: with --like it is that of the profile, where this has one")
    wanted = Wanted(
        models=frozenset(model or ()),
        versions=frozenset(version or ()),
        start=_time("--from", start),
        end=_time("--until", until),
    )
    known = None if like is None else _read(like)
    options = reference.Options(
        fields=tuple(field or ()),
        bins=bins,
        clusters=clusters if embedding else None,
        like=known,
        sample=sample,
        residual=residual,
        by_hour=not whole,
        by=tuple(tuple(each.split(",")) for each in by or ()),
        timezone=_zone(timezone, known),
        categories=tuple(category or ()),
    )
    if files:
        with progress.of_files([*files, *(feedback or ())]) as progressed:
            profile, counted = reference.profile_of(files, feedback or (), wanted, options, progressed)
    else:
        made = profile_of_store if store else profile_of_requests
        profile, counted = made(settings.store(settings.load(), data), wanted, options)
    for note in counted.notes:
        typer.echo(f"rollguard: note: {plain(note)}", err=True)
    out.write_bytes(to_json(profile))
    refused = f", {counted.refused} refused" if counted.refused else ""
    taken = f"{counted.sampled} of {counted.fit} items that fit, {counted.read} read{refused}"
    hourly = ", by hour of the week" if any(each.hours is not UNSET for each in profile.fields.values()) else ""
    typer.echo(f"{out}: profile {profile.name} of {len(profile.fields)} fields{hourly}, from {taken}")


@app.command("merge")
@guarded
def merge_command(
    profiles: Annotated[list[Path], typer.Argument(help="Profiles of the same bins, as `build --like` makes them.")],
    out: Annotated[Path, typer.Option("--out", help="The profile to write, .json.")],
) -> None:
    """Add up profiles of several times, or of several parts of the traffic."""
    try:
        profile = merged([_read(path) for path in profiles])
    except NotMergeable as error:
        raise WrongReference(str(error)) from error
    out.write_bytes(to_json(profile))
    typer.echo(f"{out}: profile {profile.name} of {len(profile.fields)} fields, from {len(profiles)} profiles")


@app.command("show")
@guarded
def show_command(
    profile: Annotated[Path, typer.Argument(help="A profile that `build` wrote.")],
    form: Annotated[Literal["table", "json"], typer.Option("--format", help="How to print it.")] = "table",
) -> None:
    """Print a profile: the bins of each field with the most in them, its moments, what is missing."""
    known = _read(profile)
    if form == "json":
        sys.stdout.write(json_escaped(to_json(known).decode()))
        return
    console = Console(highlight=False, markup=False, emoji=False, width=WIDTH)
    console.print(f"profile {plain(known.name)}", soft_wrap=True)
    console.print(_table(known))
    if known.embedding is not None:
        counts = ", ".join(map(str, known.embedding.counts))
        console.print(f"embedding: {len(known.embedding.centres)} clusters, vectors in each, missing, other: {counts}")


def _read(path: Path) -> Profile:
    try:
        return from_json(path.read_bytes())
    except ValueError as error:
        raise WrongReference(f"{path}: {error}") from error


def _zone(name: str | None, like: Profile | None) -> str:
    """Return the time zone that is asked for, else that in which the hours of a profile are counted. WrongReference."""
    if name is None:
        hourly = [] if like is None else [field.zone for field in like.fields.values() if field.hours is not UNSET]
        return hourly[0] if hourly else UTC
    try:
        return known_zone(name)
    except ValueError as error:
        raise WrongReference(f"--timezone {name!r}: {error}") from error


def _time(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise WrongReference(f"{option} {text!r}: must be a time such as 2026-11-21T12:00:00Z") from error
    if time.tzinfo is None:
        raise WrongReference(f"{option} {text!r}: needs an offset, such as Z or +01:00")
    return ms_of(time)


def _table(profile: Profile) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("field", "kind", "rows", "missing", "distinct", "mean", "sd", "min", "max", "most in"):
        table.add_column(name, no_wrap=name != "most in", overflow="fold")
    for name, field in sorted(profile.fields.items()):
        of = field.moments
        numbers = ["", "", "", ""] if of is None else [f"{x:.4g}" for x in (of.mean, of.sd, of.low, of.high)]
        shares = [str(field.rows), f"{field.missing_share:.2%}", str(field.cardinality)]
        table.add_row(plain(name), field.kind, *shares, *numbers, plain(_most(field)))
    return table


def _most(field: Field) -> str:
    """Return the fullest bins of a field, with their share of what is present."""
    own = field.counts[: field.missing]
    fullest = sorted(range(len(own)), key=lambda bin_: -own[bin_])[:TOP]
    return ", ".join(f"{_label(field, bin_)} {own[bin_] / sum(own):.0%}" for bin_ in fullest)


def _label(field: Field, bin_: int) -> str:
    if field.kind == "category":
        return field.categories[bin_]
    edges = ("", *(f"{edge:.4g}" for edge in field.edges), "")
    return f"{edges[bin_]}..{edges[bin_ + 1]}"
