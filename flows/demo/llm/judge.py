"""The scripted judge: it knows the handbook, looks for the sentence that decides, and errs now and then.

It sees what any judge sees: the messages that evaluate sends. A real one would be a large model.
"""

import json
from hashlib import blake2b

from flows.demo.llm.handbook import decisive, found

CRITERION = "helpfulness"
RUBRIC = "Does the answer hold what decides the customer's question, exceptions included?"
ERRS_EVERY = 40  # One answer in so many is misjudged.
RIGHT, RELATED = 5, 2


def judgement(content: str) -> str:
    """Return the judgement, as JSON, of the case in a user's message. ValueError, KeyError if it holds none."""
    case = json.loads(content)
    question, text = str(case["input"]), str(case["output"])
    sentence = decisive(question, found(question).sentences)
    good = sentence in text
    if _draw(content) % ERRS_EVERY == 0:
        good = not good
    reason = "It says what decides." if good else f"It leaves out: {sentence}"
    return json.dumps({CRITERION: {"reason": reason, "score": RIGHT if good else RELATED}})


def _draw(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest())
