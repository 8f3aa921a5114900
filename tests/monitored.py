"""Profiles and monitors for tests: numbers, categories, flags, embeddings, feedback, and two models apart."""

import numpy as np

from operators.profiles.build import build
from operators.profiles.embedding import fit
from operators.profiles.profile import to_json

PROFILE = build(
    {
        "features.amount": [0.0, 1.0, 2.0, 3.0, None, 4.0, 100.0],
        "features.card": ["visa", "visa", "amex", "1"],
        "prediction": ["0", "1", "visa"],
        "score": [0.5, 0.25, 0.75],
        "latency_ms": [100.0, 200.0],
        "flags.refused": [0.0, 0.0, 1.0],
        "feedback.judge": [1.0, 4.0, 5.0],
        "feedback.label": ["yes", "no", "1"],
    },
    embedding=fit(np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 2.0]]), 2),
)
SEARCH = build({"features.amount": [1.0, 2.0]})
FILES = {"all.json": to_json(PROFILE), "search.json": to_json(SEARCH)}
MONITORS = """
[drift]
profile = "all.json"

[[monitor]]
name = "shifts"
kind = "psi"
on = ["features.amount", "features.card", "prediction", "score", "flags.refused", "feedback.label"]
slices = ["*", "region"]

[[monitor]]
name = "contract"
kind = "contract"

[[monitor]]
name = "clusters"
kind = "embedding"

[[monitor]]
name = "search"
kind = "contract"
model = "m0"
profile = "search.json"
low = 0
high = 2

[[monitor]]
name = "judge"
kind = "sigma"
on = "feedback.judge"
"""
