"""What the address of a page asks for, checked: names, a slice, a moment, a range."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, unquote, urlencode

import msgspec

from flows.page.words import iso
from operators.spans import DAY_MS

NAME_MAX = 512
RANGE_MS_MAX = 31 * DAY_MS
FAR_MS = 4_102_444_800_000  # The year 2100: later than all data.
NOW = "now"
KNOWN = frozenset({"model", "version", "slice", "sli", "type", "field", "at", "since", "from", "to", "page", "find"})


class WrongAddress(ValueError):
    """A part of the address cannot be used."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """`at` is the moment shown, `FAR_MS` for now; lines go from `begin` to `end` [Unix ms], None: chosen to fit.

    `since` says, in place of `begin`, how far back lines go [ms].
    """

    id: str = ""
    model: str = ""
    version: str = ""
    slice: str = "*"
    sli: str = ""
    type: str = ""
    field: str = ""
    at: int = FAR_MS
    since: int | None = None
    begin: int | None = None
    end: int | None = None
    page: int = 0
    find: str = ""

    @property
    def is_now(self) -> bool:
        return self.at == FAR_MS

    @property
    def is_list(self) -> bool:
        """Tell whether slices are listed, by hundreds or by name."""
        return bool(self.page or self.find)

    @property
    def has_range(self) -> bool:
        """Tell whether the address gives the time of the lines."""
        return (self.since, self.begin, self.end) != (None, None, None)

    def span(self, counted: int, back: int, floor: int = 0) -> tuple[int, int]:
        """Return start and end of the lines: `back` before `counted` to `counted`, unless given. WrongAddress."""
        end = counted if self.end is None else min(self.end, counted)
        start = max(end - (self.since or back), floor) if self.begin is None else self.begin
        if start >= end:
            raise WrongAddress(f"from {iso(start)} to {iso(end)}: nothing is counted in that time")
        if end - start > RANGE_MS_MAX:
            raise WrongAddress(f"from {iso(start)} to {iso(end)}: these are more than 31 days")
        return start, end

    @property
    def stay(self) -> str:
        """The parameters that a link to another part of the same page adds to its own."""
        range_ = {"from": self.begin, "to": self.end, "at": None if self.is_now else self.at}
        parts = {name: iso(ms) for name, ms in range_.items() if ms is not None}
        if self.since is not None:
            parts["since"] = f"{self.since // 60_000}m"
        return "&" + urlencode(parts) if parts else ""

    @property
    def suffix(self) -> str:
        """The parameters that a link needs to stay at this moment."""
        return "" if self.is_now else "?" + urlencode({"at": iso(self.at)})


def asked_of(path: Mapping[str, str], query: Mapping[str, str]) -> Asked:
    """Return what an address asks for. WrongAddress."""
    for name, value in (*path.items(), *query.items()):
        if len(value) > NAME_MAX * 3:
            raise WrongAddress(f"{name} is longer than {NAME_MAX} characters")
    unknown = sorted(query.keys() - KNOWN)
    if unknown:
        raise WrongAddress(f"{unknown[0]}: there is no such parameter; these are {', '.join(sorted(KNOWN))}")
    return Asked(
        id=unquote(path.get("id", "")),
        model=unquote(path.get("model", query.get("model", ""))),
        version=unquote(path.get("version", query.get("version", ""))),
        slice=query.get("slice") or "*",
        sli=query.get("sli", ""),
        type=query.get("type", ""),
        field=query.get("field", ""),
        at=_moment("at", query.get("at", NOW)),
        **_range(query),
        find=query.get("find", ""),
        page=_page(query.get("page", "0")),
    )


def segment(name: str) -> str:
    """Return a name as one part of a path, whatever it holds: quoted twice, as servers undo one quoting too early.

    >>> segment("v2"), segment("org/model"), segment("..")
    ('v2', 'org%252Fmodel', '%252E%252E')
    """
    once = quote(name, safe="")
    if set(name) == {"."} or name.endswith(".json"):
        once = once.replace(".", "%2E")
    return quote(once, safe="")


def _range(query: Mapping[str, str]) -> dict[str, int | None]:
    """Return the time that lines are asked for. WrongAddress."""
    since = _since(query.get("since", ""))
    begin, end = (_moment(name, query[name]) if query.get(name) else None for name in ("from", "to"))
    if begin is not None and since is not None:
        raise WrongAddress("from and since: both say where lines begin")
    if begin is not None and end is not None and begin >= end:
        raise WrongAddress("from is not before to")
    return {"since": since, "begin": begin, "end": end}


def _moment(name: str, text: str) -> int:
    """Return ISO 8601 or Unix ms as Unix ms.

    >>> _moment("at", "2025-10-09T08:53:20Z"), _moment("to", "1760000000000"), _moment("at", "now") == FAR_MS
    (1760000000000, 1760000000000, True)
    """
    if text == NOW:
        return FAR_MS
    if re.fullmatch(r"\d{1,13}", text):
        return min(int(text), FAR_MS)
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise WrongAddress(f"{name}={text!r} is no time such as 2025-10-09T08:53:20Z") from error
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
