"""What judging needs besides the policy: files that it names, keys of endpoints, and the judges themselves."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from flows.evaluate.required import require_evaluators
from flows.settings import PLACEHOLDER, variable
from operators.connectors.chat.client import ChatClient
from operators.connectors.functions import FunctionClient
from operators.evaluate.golden import GoldenCase
from operators.evaluate.saying import GOLDEN_MAX
from operators.evaluate.work import Ask, Judges
from operators.evaluators.case import Judged, JudgedCase
from operators.evaluators.llm import Llm
from operators.evaluators.python import PythonFunction
from operators.policy.errors import PolicyError
from operators.policy.evaluators import AnswerEvaluator
from operators.policy.policy import Policy

FILE_BYTES_MAX = 64 << 20
T = TypeVar("T")


class Reference(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """An input, and its expected answer."""

    input: str
    expected: str


class Clients(msgspec.Struct, frozen=True):
    """How to ask evaluators that run elsewhere, and to compare two answers."""

    ask: Ask
    compare: Callable[[Llm, JudgedCase, JudgedCase], "Future[Judged]"]


@contextmanager
def judges_of(policy: Policy, folder: Path) -> Iterator[Judges]:
    """Open all judges of a policy, whose files lie in `folder`. PolicyError where something is missing."""
    require_evaluators(policy)
    models = [each for each in policy.evaluators if isinstance(each, Llm)]
    golden = {each.name: _golden(each, folder) for each in models if each.golden is not None}
    references = _references(policy.evaluate.references, folder)
    with clients_of(policy.evaluators) as clients:
        yield Judges(ask=clients.ask, references=references, golden=golden, agreements={})


@contextmanager
def clients_of(evaluators: Sequence[AnswerEvaluator]) -> Iterator[Clients]:
    """Open the clients of some evaluators. PolicyError where a key is missing."""
    models = [each for each in evaluators if isinstance(each, Llm)]
    functions = [each for each in evaluators if isinstance(each, PythonFunction)]
    keys = {each.name: _key(each) for each in models if each.key_env is not None}
    with ExitStack() as stack:
        chat = ChatClient(models, keys) if models else None
        runner = FunctionClient(functions) if functions else None
        for client in (chat, runner):
            if client is not None:
                stack.callback(client.close)

        def ask(evaluator: AnswerEvaluator, case: JudgedCase) -> Future[Judged]:
            if chat is not None and isinstance(evaluator, Llm):
                return chat.ask(evaluator, case)
            if runner is not None and isinstance(evaluator, PythonFunction):
                return runner.ask(evaluator, case)
            raise TypeError(f"nobody asks {evaluator.name}")

        def compare(evaluator: Llm, first: JudgedCase, second: JudgedCase) -> Future[Judged]:
            if chat is None:
                raise TypeError(f"nobody asks {evaluator.name}")
            return chat.compare(evaluator, first, second)

        yield Clients(ask, compare)


def _key(evaluator: Llm) -> str:
    key = f"evaluator.{evaluator.name}.key_env"
    secret = variable(evaluator.key_env or "")
    if not secret:
        raise PolicyError(key, evaluator.key_env, "names a variable that is not set, or empty")
    if PLACEHOLDER in secret or not secret.isascii() or not secret.isprintable():
        raise PolicyError(key, evaluator.key_env, "names a variable that holds no key")
    return secret


def _golden(evaluator: Llm, folder: Path) -> list[GoldenCase]:
    key = f"evaluator.{evaluator.name}.golden"
    cases = _lines(key, evaluator.golden or "", folder, GoldenCase)
    if len(cases) > GOLDEN_MAX:
        raise PolicyError(key, evaluator.golden, f"has {len(cases)} cases, and may have {GOLDEN_MAX}")
    for number, case in enumerate(cases, 1):
        unknown = [name for name in case.labels if name not in evaluator.criteria]
        if unknown or not case.labels:
            known = ", ".join(evaluator.criteria)
            raise PolicyError(f"{key}, line {number}", unknown or {}, f"must label criteria of the evaluator: {known}")
    return cases


def _references(name: str | None, folder: Path) -> dict[str, str]:
    if name is None:
        return {}
    return {each.input: each.expected for each in _lines("evaluate.references", name, folder, Reference)}


def _lines(key: str, name: str, folder: Path, kind: type[T]) -> list[T]:
    """Return the lines of a file, searched for beside the policy and then in the working directory."""
    path = next((place for place in (folder / name, Path(name)) if place.is_file()), None)
    if path is None:
        raise PolicyError(key, name, "is no file beside the policy, nor in the working directory")
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise PolicyError(key, name, f"has more than {FILE_BYTES_MAX} bytes")
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise PolicyError(key, name, f"cannot be read: {error}") from error
    found, decode = [], msgspec.json.Decoder(kind).decode
    for number, line in enumerate(lines, 1):
        try:
            found += [decode(line)] if line.strip() else []
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PolicyError(f"{key}, line {number}", name, str(error)) from error
    if not found:
        raise PolicyError(key, name, "has no line")
    return found
