"""`rollguard evaluate` of files: thin."""

from pathlib import Path

import typer
from prometheus_client import CollectorRegistry

from flows import settings
from flows.cli_errors import fail, interruptible
from operators.connectors.stop import Stop
from operators.metrics import Metrics
from operators.policy.errors import PolicyError
from operators.policy.policy import Policy


def checked(policy: Policy) -> Policy:
    """Return a policy that names evaluators. PolicyError of another."""
    if not policy.evaluators:
        raise PolicyError("evaluator", [], "names none: there is nothing to judge by")
    return policy


def evaluate_files(files: list[Path], out: Path | None, policy: Path | None, where: settings.Settings) -> None:
    """Judge files into a folder, and say what it came to."""
    if out is None:
        raise typer.BadParameter("is needed with files: where the feedback goes", param_hint="--out")
    from flows.evaluate import files as of_files  # noqa: PLC0415  # It brings the clients of judges.

    stop = Stop()
    named = policy or where.policy
    rules = checked(settings.load_policy(named))
    with interruptible(stop):
        try:
            outcome = of_files.run(
                files, rules, named.parent, out, stop, Metrics(CollectorRegistry()), where.events_format
            )
        except of_files.OutputThere as error:
            fail(str(error), 2)
    typer.echo(
        f"{outcome.events} events: {outcome.judged} judgements, {outcome.failed} failed, {outcome.skipped} left out"
    )
    if stop.requested:
        fail("interrupted: not all is judged", 1)
