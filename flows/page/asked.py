"""What somebody asks for in the address of a page, checked: names, a slice, a moment, a range."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, unquote, urlencode

import msgspec

from flows.page.words import iso

NAME_MAX = 512
RANGE_MS_MAX = 31 * 86_400_000
FAR_MS = 4_102_444_800_000  # The year 2100: later than all there is.
NOW = "now"


class WrongAddress(ValueError):
    """A part of the address cannot be used."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """`at` is the moment looked at, `FAR_MS` for now; `since` is how far back lines go [ms], None as it fits."""

    id: str = ""
    model: str = ""
    version: str = ""
    slice: str = "*"
    sli: str = ""
    type: str = ""
    at: int = FAR_MS
    since: int | None = None
    page: int = 0
    find: str = ""

    @property
    def is_now(self) -> bool:
        return self.at == FAR_MS

    @property
    def is_list(self) -> bool:
        """Tell whether slices are looked through, by hundreds or by name."""
        return bool(self.page or self.find)

    @property
    def suffix(self) -> str:
        """What a link needs to stay at this moment."""
        return "" if self.is_now else "?" + urlencode({"at": iso(self.at)})


def asked_of(path: Mapping[str, str], query: Mapping[str, str]) -> Asked:
    """Return what is asked for. WrongAddress."""
    for name, value in (*path.items(), *query.items()):
        if len(value) > NAME_MAX * 3:
            raise WrongAddress(f"{name} is longer than {NAME_MAX} characters")
    known = set(Asked.__struct_fields__) - {"id"}
    unknown = sorted(query.keys() - known - {"from", "to"})
    if unknown:
        raise WrongAddress(
            f"{unknown[0]}: there is no such parameter; these are at, slice, sli, type, since, find, page"
        )
    return Asked(
        id=unquote(path.get("id", "")),
        model=unquote(path.get("model", query.get("model", ""))),
        version=unquote(path.get("version", query.get("version", ""))),
        slice=query.get("slice") or "*",
        sli=query.get("sli", ""),
        type=query.get("type", ""),
        at=_moment(query.get("at", NOW)),
        since=_since(query.get("since", "")),
        find=query.get("find", ""),
        page=_page(query.get("page", "0")),
    )


def segment(name: str) -> str:
    """Return a name as one part of a path, whatever it holds: a server undoes one of the two quotings too early.

    >>> segment("v2"), segment("org/model"), segment("..")
    ('v2', 'org%252Fmodel', '%252E%252E')
    """
    once = quote(name, safe="")
    if set(name) == {"."} or name.endswith(".json"):
        once = once.replace(".", "%2E")
    return quote(once, safe="")


def _moment(text: str) -> int:
    """Return ISO 8601 or Unix ms as Unix ms.

    >>> _moment("2025-10-09T08:53:20Z"), _moment("1760000000000"), _moment("now") == FAR_MS
    (1760000000000, 1760000000000, True)
    """
    if text == NOW:
        return FAR_MS
    if re.fullmatch(r"\d{1,13}", text):
        return min(int(text), FAR_MS)
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise WrongAddress(f"at={text!r} is no time such as 2025-10-09T08:53:20Z") from error
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return min(max(round(time.timestamp() * 1000), 0), FAR_MS)


def _since(text: str) -> int | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,5})(m|h|d)", text)
    if found is None:
        raise WrongAddress(f"since={text!r} is no span such as 30m, 6h or 2d")
    ms = int(found[1]) * {"m": 60_000, "h": 3_600_000, "d": 86_400_000}[found[2]]
    return min(max(ms, 60_000), RANGE_MS_MAX)


def _page(text: str) -> int:
    if not re.fullmatch(r"\d{1,4}", text):
        raise WrongAddress(f"page={text!r} is no number")
    return int(text)
