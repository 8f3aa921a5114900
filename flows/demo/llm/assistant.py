"""A small generator that answers from the handbook as the prompt of its version asks, and the defect of one prompt.

Version v2 is meant to save tokens: its prompt asks for one sentence. The first sentence of a page is its rule, so
whoever asks about an exception gets an answer that is short, fluent, from the right page, and wrong. Errors, latency
and cost do not show that. v3 saves tokens in another way and has the same bug; v4 asks for the sentence that decides.
"""

from collections.abc import Callable, Mapping

import msgspec

from flows.demo.llm.handbook import Page, decisive, found

MODEL = "shop-assistant"
BASELINE, CANDIDATE, RETRY, MENDED = "v1", "v2", "v3", "v4"
WORDS_MAX = 16


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """The prompt of a version: its words, and what it writes about a page and a question."""

    name: str
    words: str
    writes: Callable[[Page, str], str]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, the page that it is from, and its tokens."""

    text: str
    page: str
    input_tokens: int
    output_tokens: int


def _whole(page: Page, question: str) -> str:
    return " ".join(page.sentences)


def _first(page: Page, question: str) -> str:
    return page.sentences[0]


def _fitting(page: Page, question: str) -> str:
    """Return as many whole sentences as fit into WORDS_MAX words, at least one."""
    text = page.sentences[0]
    for sentence in page.sentences[1:]:
        if len(f"{text} {sentence}".split()) <= WORDS_MAX:
            text = f"{text} {sentence}"
    return text


def _decisive(page: Page, question: str) -> str:
    return decisive(question, page.sentences)


PROMPTS: Mapping[str, Prompt] = {
    BASELINE: Prompt(name="p1", words="Answer from this page of the handbook.", writes=_whole),
    CANDIDATE: Prompt(name="p2", words="Answer from this page of the handbook, in one sentence.", writes=_first),
    RETRY: Prompt(
        name="p3", words=f"Answer from this page of the handbook, in at most {WORDS_MAX} words.", writes=_fitting
    ),
    MENDED: Prompt(
        name="p4", words="Answer with the sentence of this page that decides the question.", writes=_decisive
    ),
}


def answer(version: str, question: str) -> Answer:
    """Return the answer of a version. KeyError if there is no such version."""
    prompt, page = PROMPTS[version], found(question)
    text = prompt.writes(page, question)
    asked = " ".join([prompt.words, *page.sentences, question])
    return Answer(text=text, page=page.id, input_tokens=len(asked.split()), output_tokens=len(text.split()))
