"""`rollguard check`: describes what a valid policy will keep, in words that reveal a mistake."""

from rich.console import Console

from flows.check_monitors import SERIES, monitors_table, noisy_monitors, unheard
from flows.check_rules import PlainTable, rules_table
from flows.plain import plain
from operators.evaluators.registry import evaluator_kind_of
from operators.ingest.slis.registry import sli_kind_of
from operators.policy.claims import NOBODY
from operators.policy.evaluators import AnswerEvaluator
from operators.policy.policy import Policy
from operators.policy.sli import Sli
from operators.policy.windows import Window


def print_policy(policy: Policy, console: Console) -> None:
    """Print the panes, slices, windows, measures, SLIs, rules and monitors of a policy, or of each of its files."""
    console.print(f"policy {policy.hash} is valid", highlight=False)
    for each in policy.each:
        if each.team:
            console.print()
            console.print(f"{each.team}.toml, policy {each.hash}", highlight=False)
        _print_one(each, console)
    if policy.claims is not None and policy.claims.rest == NOBODY:
        console.print("Items of other models are counted, and nobody's: no file takes them.", highlight=False)


def _print_one(policy: Policy, console: Console) -> None:
    console.print(_facts(policy))
    if policy.rules:
        console.print()
        console.print(rules_table(policy))
    else:
        console.print("No [[rule]]: all is counted, and nothing is said.", highlight=False, markup=False)
    if policy.monitors:
        _print_monitors(policy, console)
    for line in _waiting(policy):
        console.print(line, highlight=False)


def _facts(policy: Policy) -> PlainTable:
    """Return what is counted: of which models, by which slices, in which panes and windows, by which SLIs."""
    facts = PlainTable(box=None, show_header=False, padding=(0, 2, 0, 0))
    facts.add_row("models", plain(", ".join(policy.models)) or ("what no other file takes" if policy.team else "all"))
    if policy.left_out:
        facts.add_row("as by default", ", ".join(policy.left_out))
    facts.add_row("panes", f"{_span(policy.pane_ms)}, closed {_span(policy.disorder_ms)} after their end")
    if policy.stored_ms is not None:
        facts.add_row("stored", f"by {_span(policy.stored_ms)}: ranges and steps of queries are multiples of it")
    facts.add_row("late", f"counted apart up to {_span(policy.late_horizon_ms)}, then dead letters")
    facts.add_row("slices", "; ".join(_grain(policy, grain) for grain in policy.grains))
    facts.add_row(
        "series", f"at most {policy.series_max} per model, {policy.versions_max} versions; {policy.models_max} models"
    )
    for window in policy.windows:
        every = "" if window.kind == "tumbling" else f", every {_span(window.every_ms)}"
        facts.add_row(f"{window.kind} window", f"{_span(window.size_ms)}{every}{_reported(policy, window)}")
    facts.add_row("measures", ", ".join(measure.name for measure in policy.measures) or "none")
    for sli in policy.slis:
        facts.add_row(f"SLI {sli.name}", f"good: {plain(_good(sli))}")
    for evaluator in policy.evaluators:
        facts.add_row(f"evaluator {evaluator.name}", _evaluated(policy, evaluator))
    return facts


def _print_monitors(policy: Policy, console: Console) -> None:
    console.print()
    console.print(monitors_table(policy))
    console.print(
        "False alarms are expected numbers while nothing changes.", *map(plain, _sampled(policy)), highlight=False
    )
    if noisy := noisy_monitors(policy):
        console.print(f"Warning: more than one a day at {SERIES[-1]} series: {', '.join(noisy)}.", highlight=False)
    for line in unheard(policy):
        console.print(f"Warning: no [[rule]] of kind drift listens to {line}: nobody is told of it.", highlight=False)


def _waiting(policy: Policy) -> list[str]:
    """Say which monitors do nothing until they have a profile."""
    names = ", ".join(policy.waiting)
    return [f"Waiting for a profile in drift.profile, and doing nothing: monitors {names}."] if names else []


def _sampled(policy: Policy) -> list[str]:
    """Say what share of requests is read for monitors, unless it is all."""
    by_model = [f"{share:.0%} of {model}" for model, share in policy.sampling.by_model.items()]
    shares = [f"{policy.sampling.share:.0%} of the requests", *by_model]
    return [] if policy.sampling.reads_all else [f"Read for them: {', '.join(shares)}."]


def _grain(policy: Policy, grain: tuple[int, ...]) -> str:
    return " x ".join(policy.dimensions[index] for index in grain) or "* (all traffic)"


def _reported(policy: Policy, window: Window) -> str:
    """Say which rows of a window are stored, and how often; nothing where all are."""
    if window not in policy.reports:
        return ""
    slices = [
        ", ".join(_grain(policy, grain) for grain in each.grains)
        + (f" every {_span(each.every_ms)}" if each.every_ms != window.every_ms else "")
        for each in policy.reports[window]
    ]
    return f"; stored: {'; '.join(slices) or 'nothing'}"


def _good(sli: Sli) -> str:
    of = f"; of {' and '.join(sli.slices)} alone" if sli.slices else ""
    return sli_kind_of(sli).words(sli) + (f"; neither: {', '.join(sli.ignore)}" if sli.ignore else "") + of


def _evaluated(policy: Policy, evaluator: AnswerEvaluator) -> str:
    """Say what an evaluator judges, for which share of requests, and under which name."""
    share = policy.evaluate.share if evaluator.share is None else evaluator.share
    after = "" if evaluator.after is None else f" that pass {evaluator.after}"
    of = f"{share:.4g} of the requests{after}"
    return f"{evaluator_kind_of(evaluator).words(evaluator)}; {of}; source {evaluator.source}"


def _span(ms: int) -> str:
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        if ms and ms % size == 0:
            return f"{ms // size} {unit}"
    return f"{ms} ms"
