"""`rollguard gate`: puts an eval set to a version, and to its baseline, through an endpoint."""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from flows.triage.panel import Panel
from operators.connectors.chat.model import ModelEndpoint, NoAnswer
from operators.connectors.clickhouse.tables import Tables
from operators.evals.asking import Ask, messages_of, tried
from operators.evals.case import EvalCase
from operators.evals.checks import failed
from operators.evals.gate_result import Answered, GateResult, Tried, gate_result
from operators.evals.preferences import Preferences
from operators.evals.sets import EvalSet
from operators.evaluators.case import NotJudged
from operators.policy.privacy import Texts
from operators.triage.signals import comment

REPEAT, CONCURRENCY = 3, 4  # How often a failing case is asked, and how many cases at once.
SHOWN = 20  # Cases that are named one by one.
TEXT_SHOWN = 100  # Characters of a question or an answer.


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """The results of a set's cases by version, and the verdict on the candidate."""

    tries: Mapping[str, Mapping[str, Tried]]
    found: GateResult
    preferences: Preferences | None = None

    def held(self, allow_known: bool) -> bool:
        """Whether the candidate may be released."""
        return self.found.held(allow_known) and (self.preferences is None or self.preferences.held)


def run(
    cases: Sequence[EvalCase],
    asks: Mapping[str, Ask],
    version: str,
    baseline: str | None,
    repeat: int = REPEAT,
    concurrency: int = CONCURRENCY,
) -> Ran:
    """Put cases to a version, and to its baseline where there is one: `asks` has the asker of each."""
    arms = [version] if baseline is None else [version, baseline]
    tries = {each: ask_all(cases, asks[each], repeat, concurrency) for each in arms}
    found = gate_result([case.id for case in cases], tries[version], tries.get(baseline or ""))
    return Ran(tries=tries, found=found)


def compared(
    ran: Ran,
    cases: Sequence[EvalCase],
    version: str,
    baseline: str,
    panel: Panel,
    evaluator: str,
    concurrency: int = CONCURRENCY,
) -> Ran:
    """Have an evaluator compare both versions' first answers to each case, where both have one."""

    def preference(case: EvalCase) -> str:
        ours, theirs = (ran.tries[each][case.id].answers[0] for each in (version, baseline))
        if ours.error or theirs.error:
            return ""
        try:
            return panel.preferred(evaluator, case, ours.output, theirs.output)
        except NotJudged:
            return ""

    with ThreadPoolExecutor(concurrency) as pool:
        by_case = dict(zip((case.id for case in cases), pool.map(preference, cases), strict=True))
    return msgspec.structs.replace(ran, preferences=Preferences(evaluator=evaluator, by_case=by_case))


def asker(
    endpoint: ModelEndpoint,
    judged: Callable[[EvalCase, str], Sequence[str]],
    clock: Callable[[], float] = time.monotonic,
) -> Ask:
    """Return the function that puts a case to an endpoint and checks the answer.

    `judged` returns the evaluators that an answer fails; it is not called for an answer that already fails a check.
    """

    def ask(case: EvalCase) -> Answered:
        began = clock()
        try:
            answer = endpoint.ask(messages_of(case.input))
        except NoAnswer as error:
            return Answered(error=str(error), latency_ms=(clock() - began) * 1000)
        latency_ms = (clock() - began) * 1000
        try:
            wrong = failed(case.checks, answer) or judged(case, answer)
        except NotJudged as error:
            return Answered(output=answer, error=f"nobody judged it: {error.fault}", latency_ms=latency_ms)
        return Answered(failed=tuple(wrong), output=answer, latency_ms=latency_ms)

    return ask


def ask_all(cases: Sequence[EvalCase], ask: Ask, repeat: int, concurrency: int) -> dict[str, Tried]:
    """Return the results of the cases by id; `concurrency` cases are asked at once."""
    with ThreadPoolExecutor(concurrency) as pool:
        found = pool.map(lambda case: tried(case, ask, repeat), cases)
        return {case.id: each for case, each in zip(cases, found, strict=True)}


def keep_all(tables: Tables, set_: EvalSet, ran: Ran, at: int, texts: Texts) -> None:
    """Store all answers of all versions."""
    for version, tries in ran.tries.items():
        keep(tables, set_, version, tries, at, texts)


def keep(tables: Tables, set_: EvalSet, version: str, tries: Mapping[str, Tried], at: int, texts: Texts) -> None:
    """Store all answers of a version, with texts as the policy keeps them."""
    run = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{set_.model} {set_.number} {set_.hash} {at}"))
    rows: list[dict[str, Any]] = [
        {
            "model": set_.model,
            "version": version,
            "run": run,
            "at": at,
            "number": set_.number,
            "hash": set_.hash,
            "id": case,
            "attempt": number,
            "passed": None if answer.passed is None else int(answer.passed),
            "failed": [answer.error] if answer.error else list(answer.failed),
            "output": comment(answer.output, texts),
            "latency_ms": answer.latency_ms,
            "ver": 1,
        }
        for case, each in tries.items()
        for number, answer in enumerate(each.answers, 1)
    ]
    tables.add("eval_result", rows)


def report(
    version: str, cases: Sequence[EvalCase], tries: Mapping[str, Tried], found: GateResult, held: bool
) -> list[str]:
    """Return the result in lines: what broke, case by case, and the verdict."""
    by_id = {case.id: case for case in cases}
    groups = {
        "broke": found.broke, "still fails": found.still_failing, "no answer": found.unanswered,
        "flaky": found.flaky, "mended": found.mended,
    }  # fmt: skip
    lines = []
    for word, some in groups.items():
        lines += [f"{word}: {_line(by_id[case], tries[case])}" for case in some[:SHOWN]]
        lines += [f"{word}: {len(some) - SHOWN} more"] if len(some) > SHOWN else []
    counts = ", ".join(f"{len(some)} {word}" for word, some in groups.items() if some)
    chance = "" if found.p_value is None else f"; by chance alone, p = {found.p_value:.3g}"
    whole = f"{found.passed} of {found.cases} passed" + (f", {counts}" if counts else "") + chance
    return [*lines, f"{version}: {'held' if held else 'FAILED'}: {whole}"]


def _line(case: EvalCase, tries: Tried) -> str:
    worst = tries.worst
    why = worst.error or "; ".join(worst.failed) or "passes"
    return f"{case.id} ({case.root_cause or 'other'}): {why}: {_cut(case.input)!r} -> {_cut(worst.output)!r}"


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= TEXT_SHOWN else flat[: TEXT_SHOWN - 1] + "…"
