"""The names of judges: each is a model whose calls are events, watched like any other model's."""

PREFIX = "judge:"


def evaluator_model(evaluator: str) -> str:
    """Return the model that an evaluator's calls are events of."""
    return PREFIX + evaluator


def is_evaluator_model(model: str) -> bool:
    """Tell whether a model is a judge."""
    return model.startswith(PREFIX)
