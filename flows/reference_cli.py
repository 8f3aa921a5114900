"""`rollguard reference`: thin."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from msgspec import UNSET
from rich.console import Console
from rich.table import Table

from flows import progress, settings
from flows.cli_errors import guarded
from flows.input_options import FeedbackFiles
from flows.named_times import time_ms
from flows.plain import json_escaped, plain
from flows.reference import command_options as given
from flows.reference.files import profile_of
from flows.reference.items import Counted, Wanted, WrongReference
from flows.reference.options import BINS, SAMPLE, Options
from flows.reference.store import profile_of_requests, profile_of_store
from operators.profiles.by_slice import sliced_by
from operators.profiles.embedding import CLUSTERS
from operators.profiles.local_time import UTC, known_zone
from operators.profiles.merging import NotMergeable, merged
from operators.profiles.profile import Field, Profile, from_json, to_json

app = typer.Typer(no_args_is_help=True, help="Frozen reference profiles: what monitors compare with.")

TOP = 3  # Bins shown of a field.
WIDTH = 2_000  # Characters: a narrow terminal breaks lines; a table that folds cannot be searched.


@app.command("build")
@guarded
def build_command(
    out: given.Out,
    files: given.Files = None,
    store: given.Store = False,
    requests: given.Requests = False,
    data: given.Data = None,
    feedback: FeedbackFiles = None,
    model: given.Models = None,
    version: given.Versions = None,
    start: given.From = None,
    until: given.Until = None,
    field: given.Fields = None,
    category: given.Categories = None,
    bins: given.Bins = BINS,
    embedding: given.Embedding = False,
    clusters: given.Clusters = CLUSTERS,
    residual: given.Residual = False,
    like: given.Like = None,
    by: given.By = None,
    whole: given.Whole = False,
    timezone: given.Timezone = None,
    sample: given.Sample = SAMPLE,
) -> None:
    """Freeze how each field is distributed in some events and feedback."""
    _check_sources(files, store, requests, data, of_files=bool(feedback or embedding or residual))
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
    options = Options(
        fields=tuple(field or ()),
        bins=bins,
        clusters=clusters if embedding else None,
        like=known,
        sample=sample,
        residual=residual,
        by_hour=not whole,
        by=tuple(tuple(each.split(",")) for each in by or ()) or sliced_by(known),
        timezone=_zone(timezone, known),
        categories=tuple(category or ()),
    )
    if files:
        with progress.of_files([*files, *(feedback or ())]) as progressed:
            profile, counted = profile_of(files, feedback or (), wanted, options, progressed)
    else:
        made = profile_of_store if store else profile_of_requests
        profile, counted = made(settings.store(settings.load(), data), wanted, options)
    _write(profile, counted, out)


def _check_sources(files: list[Path] | None, store: bool, requests: bool, data: Path | None, *, of_files: bool) -> None:
    """Refuse anything but one source with its own options; some given are `of_files` alone. WrongReference."""
    is_one = [bool(files), store, requests].count(True) == 1
    if not is_one or (not files and of_files) or (data is not None and files):
        raise WrongReference(
            "needs one of: files, with --feedback, --embedding and --residual; --store or --requests, with --data"
        )


def _write(profile: Profile, counted: Counted, out: Path) -> None:
    """Write a profile, and print what is odd about it and what it was made from."""
    for note in counted.notes:
        typer.echo(f"rollguard: note: {plain(note)}", err=True)
    out.write_bytes(to_json(profile))
    refused = f", {counted.refused} refused" if counted.refused else ""
    taken = f"{counted.sampled} of {counted.fit} items that fit, {counted.read} read{refused}"
    hourly = ", by hour of the week" if profile.is_hourly else ""
    typer.echo(f"{out}: profile {profile.name} of {len(profile.fields)} fields{hourly}, from {taken}")


@app.command("merge")
@guarded
def merge_command(
    profiles: Annotated[list[Path], typer.Argument(help="Profiles of the same bins, as `build --like` makes them.")],
    out: given.Out,
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
    """Return the time zone asked for, else that of the hours of a profile. WrongReference."""
    if name is None:
        hourly = [] if like is None else [field.zone for field in like.fields.values() if field.hours is not UNSET]
        return hourly[0] if hourly else UTC
    try:
        return known_zone(name)
    except ValueError as error:
        raise WrongReference(f"--timezone {name!r}: {error}") from error


def _time(option: str, text: str | None) -> int | None:
    try:
        return None if text is None else time_ms(text)
    except ValueError as error:
        raise WrongReference(f"{option} {text!r}: {error}") from error


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
    return ", ".join(f"{_label(field, bin_)} {own[bin_] / max(sum(own), 1):.0%}" for bin_ in fullest)


def _label(field: Field, bin_: int) -> str:
    if field.kind == "category":
        return field.categories[bin_]
    edges = ("", *(f"{edge:.4g}" for edge in field.edges), "")
    return f"{edges[bin_]}..{edges[bin_ + 1]}"
