"""A reference profile from the store: of measures from their histograms, of requests from the request log.

For features and embeddings the store has only counts in the bins of an earlier profile: what it counted since then
becomes a profile with the same bins (`--like`). Hours of the week come from the times of panes and windows, and the
design effect of users from the request log.
"""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

from flows.backtest.archived import files_of
from flows.reference.files import profile_of
from flows.reference.items import Counted, Wanted, WrongReference
from flows.reference.measures import panes_of, profile_of_measures
from flows.reference.options import Options
from flows.reference.users import with_users
from flows.reference.windows import profile_of_windows
from operators.connectors.clickhouse.client import held
from operators.profiles.profile import Profile
from operators.wire.events import TS_MS_MAX, TS_MS_MIN


def profile_of_store(url: str, wanted: Wanted, options: Options) -> tuple[Profile, Counted]:
    """Return the profile of the measures of panes that start in the range. WrongReference; ClickHouseError."""
    folder = unquote(urlsplit(url).path)
    if url.startswith("chdb:") and not Path(folder).is_dir():
        raise WrongReference(f"{folder}: no store there; `rollguard demo` and `replay` make one, --data names it")
    with held(url):  # Otherwise each query would open the engine anew, half a second.
        return _counted_profile(url, wanted, options)


def profile_of_requests(url: str, wanted: Wanted, options: Options) -> tuple[Profile, Counted]:
    """Return the profile of the request log. WrongReference, QueryError; ClickHouseError."""
    start, end = (_at(TS_MS_MIN if wanted.start is None else wanted.start), _at(wanted.end or TS_MS_MAX))
    with TemporaryDirectory(prefix="rollguard-reference-") as folder:
        files = files_of(url, start, end, Path(folder))
        return profile_of(files["events"], files["feedback"], wanted, options, lambda name, count: None, logged=True)


def _counted_profile(url: str, wanted: Wanted, options: Options) -> tuple[Profile, Counted]:
    params = {
        "models": repr(sorted(wanted.models)),
        "versions": repr(sorted(wanted.versions)),
        "from": _time(wanted.start or 0),
        "zone": options.timezone,
        "to": _time(TS_MS_MAX if wanted.end is None else wanted.end),
    }
    panes = panes_of(url, params)
    requests = int(panes.requests.sum())
    counted = Counted(read=requests, fit=requests, sampled=requests)
    if options.like is not None:
        return profile_of_windows(url, params, options, options.like, counted), counted
    if options.by:
        raise WrongReference("--by: the store has slices in the bins of a profile only: add --like, or take --requests")
    profile = profile_of_measures(url, params, options, panes, counted)
    return with_users(url, params, profile, counted), counted


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _time(ms: int) -> str:
    return _at(ms).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
