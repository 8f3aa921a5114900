"""What must be there before anything is judged."""

from operators.policy.errors import PolicyError
from operators.policy.policy import Policy


def require_evaluators(policy: Policy) -> None:
    """Refuse a policy without evaluators. PolicyError."""
    if not policy.evaluators:
        raise PolicyError("evaluator", [], "names none: there is nothing to judge by")
