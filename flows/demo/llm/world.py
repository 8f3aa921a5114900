"""What happens in the hour of the assistant: questions, answers of two versions, and what users say of some of them.

Everything is drawn from a hash of the request's number, as in the other demo. Users find out what is true: some of
those who were told something else report it minutes later. Few press a thumb.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from flows.demo.llm.assistant import BASELINE, CANDIDATE, MODEL, PROMPTS, answer
from flows.demo.llm.handbook import PAGES, decisive, found
from flows.demo.world import Draws, draws
from operators.spans import MINUTE_MS

USD_PER_TOKEN = 2e-6
BASE_MS, TOKEN_MS, JITTER_MS = 180, 12, 60  # Latency: of any answer, for each token, and at most this on top.


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What happens; written as demo.json.

    From `release_ms` after the start on `candidate_share` of the requests go to v2. Of the users who were told
    something wrong `reporting_share` say so, of the others `thanking_share` press a thumb.
    """

    start_ms: int
    length_ms: int = 40 * MINUTE_MS
    requests: int = 1_500
    release_ms: int = 10 * MINUTE_MS
    candidate_share: float = 0.5
    special_share: float = 0.4
    reporting_share: float = 0.2
    thanking_share: float = 0.02
    seed: int = 7


def served(world: World) -> Iterator[dict[str, Any]]:
    """Return the events of the hour, in order of time."""
    for number in range(world.requests):
        drawn = draws(world.seed, number)
        ts = world.start_ms + int((number + drawn.time) * world.length_ms / world.requests)
        released = ts >= world.start_ms + world.release_ms
        version = CANDIDATE if released and drawn.version < world.candidate_share else BASELINE
        yield _event(f"q{number:05d}", ts, version, _question(world, drawn), drawn)


def _question(world: World, drawn: Draws) -> str:
    page = PAGES[int(drawn.page * len(PAGES))]
    asked = page.special if drawn.region < world.special_share else page.plain
    return asked[int(drawn.segment * len(asked))]


def _event(request_id: str, ts: int, version: str, question: str, drawn: Draws) -> dict[str, Any]:
    given = answer(version, question)
    return {
        "request_id": request_id,
        "ts": ts,
        "model": MODEL,
        "version": version,
        "prompt_version": PROMPTS[version].name,
        "user_id": f"u{int(drawn.spare * 500)}",
        "latency_ms": round(BASE_MS + TOKEN_MS * given.output_tokens + JITTER_MS * drawn.delay, 1),
        "input_tokens": given.input_tokens,
        "output_tokens": given.output_tokens,
        "cost_usd": round((given.input_tokens + given.output_tokens) * USD_PER_TOKEN, 6),
        "finish_reason": "stop",
        "input": question,
        "output": given.text,
        "retrieval": [{"id": f"handbook/{given.page}"}],
    }


def truth(question: str) -> str:
    """Return the sentence that truly answers a question."""
    return decisive(question, found(question).sentences)


def complaints(world: World, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what users say, in order of time: it names the request, and holds nothing that they would not know."""
    feedback = []
    for number, event in enumerate(events):
        drawn = draws(world.seed, number)
        true = truth(event["input"])
        late_ms = int((1 + 3 * drawn.delay) * MINUTE_MS)
        item = {"request_id": event["request_id"], "ts": event["ts"] + late_ms}
        if true not in event["output"] and drawn.labelled < world.reporting_share:
            feedback.append(item | {"kind": "report", "value": f"I was told otherwise since: {true}"})
        elif true in event["output"] and drawn.labelled < world.thanking_share:
            feedback.append(item | {"kind": "thumbs", "value": True})
    return sorted(feedback, key=lambda each: int(each["ts"]))
