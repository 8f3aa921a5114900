"""The policy that watches the demo, and the answers scored by people, against which the judge is judged."""

import json

from flows.demo.llm.assistant import BASELINE, CANDIDATE, answer
from flows.demo.llm.endpoint import JUDGE
from flows.demo.llm.handbook import PAGES
from flows.demo.llm.judge import CRITERION, RELATED, RIGHT, RUBRIC
from flows.demo.llm.world import truth

EVALUATOR = "helpful"
CAUSE = "cut_short"
GOLDEN = "golden.ndjson"
SHARE = 0.3
LOW = 2
POLICY = f"""\
# The policy of `rollguard demo --llm`: what an assistant that answers in words needs at least.
[time]
pane = "10s"
disorder = "10s"
late_horizon = "24h"
future_tolerance = "5m"
[slices]
dimensions = []
[windows]
sliding = [{{ size = "5m", every = "1m" }}]
[measures]
names = ["latency_ms", "output_tokens", "cost_usd"]

[sli.availability]
good = "no_error"
[sli.{EVALUATOR}]                    # what the judge says, 4 or better
good = "score_at_least"
criterion = "{CRITERION}"
source = "{EVALUATOR}"
limit = 4

[[rule]]                         # a new version is compared with the one before
name = "canary"
kind = "canary"
slis = ["availability", "{EVALUATOR}"]
action = "rollback"
severity = "page"

[evaluate]
share = {SHARE}                      # of the answers are judged
[[evaluator]]
name = "{EVALUATOR}"
kind = "llm"
endpoint = "ENDPOINT"
model = "{JUDGE}"
criteria = {{ {CRITERION} = "{RUBRIC}" }}
golden = "{GOLDEN}"           # answers that people scored: is the judge to be believed?

[triage]
low = {LOW}                          # a score that makes a case
root_causes = ["{CAUSE}", "hallucination", "retrieval_miss", "other"]

[archive]
ids = "full"                     # invented users
"""


def policy(endpoint: str) -> str:
    return POLICY.replace("ENDPOINT", endpoint)


def golden() -> str:
    """Return answers of both versions to all questions about exceptions, with the scores that people gave."""
    lines = []
    for question in (asked for page in PAGES for asked in page.special):
        for version in (BASELINE, CANDIDATE):
            text = answer(version, question).text
            score = RIGHT if truth(question) in text else RELATED
            lines.append(json.dumps({"input": question, "output": text, "labels": {CRITERION: score}}))
    return "\n".join(lines) + "\n"
