"""What rollguard must give for some logs, worked out the slow way: item by item, from the raw text of each message.

Written from the documents and the policy's comments, and shares no code with `operators/`: it parses the policy and
the messages itself, keeps every value, and sums in decimals. It judges time (late, too late, absurd, in the future) and
context, but assumes that messages are otherwise well formed.
"""

import json
import math
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

OTHER = "__other__"
MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
SILENT_MS = MS["d"]
TS_MIN, TS_MAX = 946_684_800_000, 4_102_444_800_000  # 2000-01-01 and 2100-01-01.
DIGITS = {"input_tokens": 0, "output_tokens": 0, "cost_usd": 9}

Row = tuple[Any, ...]


class Log(NamedTuple):
    """One partition: its messages in order, the first at position `first`."""

    name: str
    stream: str
    messages: Sequence[bytes]
    first: int = 1


class Item(NamedTuple):
    """A valid item. `pane` is its own, `closing` the one that its partition had reached, as numbers."""

    stream: str
    body: dict[str, Any]
    model: str
    version: str
    values: tuple[str, ...]
    pane: int
    closing: int
    late: int


class Answer(NamedTuple):
    """Keys are the identifying columns of each table, in the order of the table; values as commented."""

    items: list[Item]
    rejects: set[tuple[str, int, int, str]]  # source, position, item, reason
    sli_pane: dict[Row, tuple[int, int, int]]  # good, bad, neither
    outcome_pane: dict[Row, int]
    measure_pane: dict[Row, list[Decimal]]  # every value
    sli_window: dict[Row, tuple[int, int]]  # good, bad
    measure_window: dict[Row, list[Decimal]]


def answer(policy_text: str, logs: Sequence[Log], started_ms: int) -> Answer:
    """Return what these partitions must give, whatever the order in which they are read."""
    policy = tomllib.loads(policy_text)
    items: list[Item] = []
    rejects: set[tuple[str, int, int, str]] = set()
    newest = 0
    for log in logs:
        newest = max(newest, _judge(log, policy, started_ms, items, rejects))
    items = _limit_series(items, policy)
    return Answer(
        items,
        rejects,
        _sli_panes(items, policy),
        _outcome_panes(items, policy),
        _measure_panes(items, policy),
        *_windows(items, policy, newest),
    )


def _ms(duration: str) -> int:
    digits = duration.rstrip("mshd")
    return int(digits) * MS[duration[len(digits) :]]


def objects_of(message: bytes) -> list[dict[str, Any]]:
    """The items of a well-formed message, numbers as exact decimals."""
    text = message.decode().strip()
    if not text:
        return []
    if text.startswith("["):
        return list(json.loads(text, parse_float=Decimal))
    try:
        return [json.loads(text, parse_float=Decimal)]
    except json.JSONDecodeError:
        return [json.loads(line, parse_float=Decimal) for line in text.splitlines() if line.strip()]


def _time(value: int | str) -> int:
    if isinstance(value, int):
        return value
    moment = datetime.fromisoformat(value)
    return (moment - datetime.fromisoformat("1970-01-01T00:00:00+00:00")) // timedelta(milliseconds=1)


class Clock:
    """The time of one partition after each event, from all that came before: `outliers` of them do not move it."""

    def __init__(self, outliers: int, disorder: int) -> None:
        self.few, self.disorder = outliers + 1, disorder
        self.many = 10 * self.few if outliers else self.few
        self.times: list[int] = []
        self.dense = False
        self.now = 0
        self.ahead: set[int] = set()

    def take(self, ts: int) -> None:
        self.times.append(ts)
        few, many = self.few, self.many
        if few == 1:
            self.now = max(self.now, ts)
            return
        self.now = max(self.now, self._largest(many if self.dense else few))
        last = self.times[-few:]
        in_order = all(after - before >= -self.disorder for before, after in pairwise(last))
        if self.dense and in_order and last[-1] - last[0] >= 12 * self.disorder:
            self.now = max(self.now, min(last))
        if len(self.times) % (2 * many) == 0:
            newest = sorted(self.times[-8 * many :], reverse=True)
            wait = len(newest) - many - (len(newest) - many) // 2
            pace = Fraction(newest[many - 1] - newest[many - 1 + wait], wait)  # ms an event.
            self.dense = pace * many <= 2 * self.disorder

    def fault(self, ts: int, horizon: int, tolerance: int, pane_ms: int) -> str | None:
        """Why the next event is refused: far behind, or far ahead as were those of 300 other panes."""
        if not self.now:
            return None
        if self.now - ts > horizon:
            return "too_late"
        if ts - self.now > tolerance and ts // pane_ms not in self.ahead:
            self.ahead = {pane for pane in self.ahead if pane * pane_ms > self.now + tolerance}
            if len(self.ahead) >= 300:
                return "future_timestamp"
            self.ahead.add(ts // pane_ms)
        return None

    def _largest(self, rank: int) -> int:
        """The time of this rank, 1 for the largest, among the last ten times as many."""
        last = sorted(self.times[-10 * rank :], reverse=True)
        return last[rank - 1] if len(last) >= rank else 0


def _judge(log: Log, policy: dict[str, Any], started_ms: int, items: list[Item], rejects: set[Any]) -> int:
    """Append the valid items of one partition, and the rejects; return the largest time of any."""
    time = policy["time"]
    pane_ms, disorder, horizon = (_ms(time[name]) for name in ("pane", "disorder", "late_horizon"))
    tolerance = _ms(time["future_tolerance"])
    latest = started_ms + tolerance
    clock = Clock(time.get("outliers", 10), disorder)
    furthest = 0
    for position, message in enumerate(log.messages, log.first):
        for number, body in enumerate(objects_of(message)):
            ts, newest = _time(body["ts"]), clock.now
            reason = None
            if not TS_MIN <= ts <= TS_MAX:
                reason = "absurd_timestamp"
            elif ts > latest:
                reason = "future_timestamp"
            elif log.stream == "feedback" and (body.get("model") is None or body.get("version") is None):
                reason = "no_context"
            elif any(name == "*" or name.startswith(OTHER) for name in (body["model"], body["version"])):
                reason = "reserved_name"
            else:
                reason = clock.fault(ts, horizon, tolerance, pane_ms)
                clock.take(ts)
            if reason:
                rejects.add((log.name, position, number, reason))
                continue
            late = bool(newest) and newest - ts > disorder
            slices = body.get("slices") or {}
            items.append(
                Item(
                    stream=log.stream,
                    body=body,
                    model=body["model"],
                    version=body["version"],
                    values=tuple(slices.get(name, "") for name in policy["slices"]["dimensions"]),
                    pane=ts // pane_ms,
                    closing=newest // pane_ms if late else ts // pane_ms,
                    late=int(late),
                )
            )
            furthest = max(furthest, ts)
    return furthest


def _limit_series(items: Sequence[Item], policy: dict[str, Any]) -> list[Item]:
    """Send versions and series past the limits to `__other__`: judged pane by pane."""
    pane_ms = _ms(policy["time"]["pane"])
    others = (OTHER,) * len(policy["slices"]["dimensions"])
    by_pane: dict[int, list[Item]] = defaultdict(list)
    for item in items:
        by_pane[item.closing].append(item)
    versions: dict[str, _Places] = defaultdict(lambda: _Places(policy["slices"].get("versions_max", 100), pane_ms))
    series: dict[str, _Places] = defaultdict(lambda: _Places(policy["slices"].get("series_max", 2_000), pane_ms))
    out = []
    for pane, inside in sorted(by_pane.items()):
        for model in {item.model for item in inside}:
            own = [item for item in inside if item.model == model]
            versions[model].take(Counter((item.version,) for item in own), pane)
            known = versions[model].holders
            for name in [name for name in series[model].holders if name[:1] not in known]:
                series[model].holders.pop(name)
                series[model].weights.pop(name, None)
            series[model].take(Counter((i.version, *i.values) for i in own if (i.version,) in known), pane)
        for item in inside:
            if (item.version,) not in versions[item.model].holders:
                out.append(item._replace(version=OTHER, values=others))
            elif (item.version, *item.values) not in series[item.model].holders:
                out.append(item._replace(values=others))
            else:
                out.append(item)
    return out


class _Places:
    """A limited number of places for names. `holders` are the names with a place, and the last pane of each.

    `weights` are the numbers of events of all names, halved at every ten minutes of the clock.
    """

    def __init__(self, room: int, pane_ms: int) -> None:
        self.room, self.pane_ms = room, pane_ms
        self.holders: dict[Any, int] = {}
        self.weights: dict[Any, int] = {}
        self.pane = 0

    def take(self, counts: Counter[Any], pane: int) -> None:
        ten_minutes = pane * self.pane_ms // 600_000 - self.pane * self.pane_ms // 600_000
        self.weights = {name: weight >> ten_minutes for name, weight in self.weights.items()}
        self.pane = pane
        for name, count in counts.items():
            self.weights[name] = self.weights.get(name, 0) + count
            if name in self.holders:
                self.holders[name] = pane
        new = [name for name in counts if name not in self.holders]
        if len(self.holders) + len(new) > self.room:
            silent = SILENT_MS // self.pane_ms
            for name in [name for name, seen in self.holders.items() if pane - seen > silent]:
                del self.holders[name]
                del self.weights[name]
        for name in sorted(new, key=lambda name: (-self.weights[name], name)):
            if len(self.holders) == self.room:
                settled = [other for other in self.holders if other not in new]
                least = min(settled, key=lambda other: (self.weights.get(other, 0), other), default=None)
                if least is None or self.weights[name] <= 2 * self.weights.get(least, 0) + 10:
                    continue
                del self.holders[least]
            self.holders[name] = pane
        # Of the names that wait only as many are remembered as there are places.
        waiting = sorted(self.weights.keys() - self.holders.keys(), key=lambda name: (-self.weights[name], name))
        for name in waiting[self.room :] if new else []:
            del self.weights[name]


def _escape(value: str) -> str:
    return "".join("\\" + letter if letter in "\\,=" else letter for letter in value)


def slice_of(names: Sequence[str], values: Sequence[str]) -> str:
    return ",".join(f"{name}={_escape(value)}" for name, value in zip(names, values, strict=True)) or "*"


def _pane_key(item: Item, policy: dict[str, Any]) -> Row:
    pane_ms = _ms(policy["time"]["pane"])
    text = slice_of(policy["slices"]["dimensions"], item.values)
    arrival = item.closing if item.late else item.pane
    return (item.model, item.version, text, item.pane * pane_ms, item.late, arrival * pane_ms)


def _sli_panes(items: Sequence[Item], policy: dict[str, Any]) -> dict[Row, tuple[int, int, int]]:
    counts: dict[Row, list[int]] = defaultdict(lambda: [0, 0, 0])
    for item in items:
        for name, rule in policy.get("sli", {}).items():
            verdict = classify(item.stream, item.body, rule)
            if verdict is not None:
                counts[(*_pane_key(item, policy), name)][verdict] += 1
    return {key: (good, bad, neither) for key, (good, bad, neither) in counts.items()}


def _outcome_panes(items: Sequence[Item], policy: dict[str, Any]) -> dict[Row, int]:
    """Error types past the limit of their model and closing pane are merged; success is always kept apart."""
    totals: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    events = [item for item in items if item.stream == "events"]
    for item in events:
        if item.body.get("error_type"):
            totals[item.model, item.closing][item.body["error_type"]] += 1
    room = policy["slices"].get("error_types_max", 100)
    kept = {
        owner: {"", *sorted(counts, key=lambda name: (-counts[name], name))[:room]} for owner, counts in totals.items()
    }
    rows: Counter[Row] = Counter()
    for item in events:
        error = item.body.get("error_type") or ""
        known = error in kept.get((item.model, item.closing), {""})
        rows[(*_pane_key(item, policy), error if known else OTHER)] += 1
    return dict(rows)


def _measure_panes(items: Sequence[Item], policy: dict[str, Any]) -> dict[Row, list[Decimal]]:
    values: dict[Row, list[Decimal]] = defaultdict(list)
    for item in items:
        for name in policy["measures"].get("names", []):
            value = number_of(item.stream, item.body, name)
            if value is not None:
                values[(*_pane_key(item, policy), name)].append(value)
    return dict(values)


def windows_of(policy: dict[str, Any]) -> Iterator[tuple[str, int, int]]:
    """(kind, size, every) of each window, ms."""
    for size in policy["windows"].get("tumbling", []):
        yield "tumbling", _ms(size), _ms(size)
    for window in policy["windows"].get("sliding", []):
        size, every = _ms(window["size"]), _ms(window["every"])
        yield ("tumbling" if size == every else "sliding"), size, every


def grains_of(policy: dict[str, Any]) -> list[list[str]]:
    names = policy["slices"]["dimensions"]
    crosses = [sorted(cross, key=names.index) for cross in policy["slices"].get("crosses", [])]
    return [[], *([name] for name in names), *crosses]


def _windows(items: Sequence[Item], policy: dict[str, Any], newest: int) -> tuple[dict[Row, Any], dict[Row, Any]]:
    """Every window that some item on time lies in, up to the end of the hop that the newest item began."""
    pane_ms = _ms(policy["time"]["pane"])
    dimensions = policy["slices"]["dimensions"]
    slis: dict[Row, list[int]] = defaultdict(lambda: [0, 0])
    measures: dict[Row, list[Decimal]] = defaultdict(list)
    for item in items:
        if item.late:
            continue
        start = item.pane * pane_ms
        verdicts = [(name, classify(item.stream, item.body, rule)) for name, rule in policy.get("sli", {}).items()]
        numbers = [(name, number_of(item.stream, item.body, name)) for name in policy["measures"].get("names", [])]
        for kind, size, every in windows_of(policy):
            last_end = (newest // every + 1) * every
            for end in range((start // every + 1) * every, min(start // every * every + size, last_end) + 1, every):
                for grain in grains_of(policy):
                    text = slice_of(grain, [item.values[dimensions.index(name)] for name in grain])
                    key = (item.model, item.version, text, kind, size, end - size, end)
                    for name, verdict in verdicts:
                        if verdict in (0, 1):
                            slis[(*key, name)][verdict] += 1
                    for name, value in numbers:
                        if value is not None:
                            measures[(*key, name)].append(value)
    return {key: (good, bad) for key, (good, bad) in slis.items()}, dict(measures)


def classify(stream: str, body: Mapping[str, Any], rule: Mapping[str, Any]) -> int | None:
    """0 good, 1 bad, 2 neither, None: the rule is not about such items."""
    field = "feedback.label" if rule["good"] == "label_matches" else rule.get("field", "")
    if field.startswith("feedback.") != (stream == "feedback"):
        return None
    if stream == "feedback" and body["kind"] != field.removeprefix("feedback."):
        return None
    if body.get("error_type") and body["error_type"] in rule.get("ignore", []):
        return 2
    good = _is_good(stream, body, rule)
    return 2 if good is None else 0 if good else 1


def _is_good(stream: str, body: Mapping[str, Any], rule: Mapping[str, Any]) -> bool | None:
    if rule["good"] == "no_error":
        return not body.get("error_type")
    if rule["good"] == "flag_absent":
        return not set(body.get("flags") or []) & set(rule["flags"])
    if rule["good"] == "label_matches":
        if body.get("value") is None or body.get("prediction") is None:
            return None
        return _label(body["value"]) == _label(body["prediction"])
    value = number_of(stream, body, rule["field"])
    if value is None:
        return None
    limit = Decimal(rule["limit"])
    return value <= limit if rule["good"] == "at_most" else value >= limit


def _label(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Decimal)):
        number = float(value)
        return str(int(number)) if number == math.floor(number) else str(number)
    return str(value)


def number_of(stream: str, body: Mapping[str, Any], name: str) -> Decimal | None:
    """The value that counts under a measure or field, None if there is none."""
    if name.startswith("feedback."):
        value = body.get("value") if stream == "feedback" and body["kind"] == name.removeprefix("feedback.") else None
        return Decimal(int(value) if isinstance(value, bool) else value) if isinstance(value, (int, Decimal)) else None
    if stream != "events":
        return None
    if name.startswith("metrics."):
        value = (body.get("metrics") or {}).get(name.removeprefix("metrics."))
    else:
        value = body.get(name)
    if value is None or (name in ("latency_ms", "ttft_ms") and value == 0 and body.get("error_type")):
        return None
    return Decimal(value)


def exact_sum(name: str, values: Sequence[Decimal]) -> Decimal:
    """The sum of values, each rounded to the digits that are kept of this measure."""
    unit = Decimal(1).scaleb(-DIGITS.get(name, 6))
    return sum((value.quantize(unit, ROUND_HALF_EVEN) for value in values), Decimal(0))


def wilson(good: int, n: int) -> tuple[float, float]:
    """The two shares q at which good / n lies exactly 1.96 standard errors of q away: roots of a quadratic."""
    z2 = 1.959963984540054**2
    p = good / n
    a, b, c = 1 + z2 / n, -(2 * p + z2 / n), p * p
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)
