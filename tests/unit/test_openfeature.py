"""The OpenFeature provider, through the SDK's own client: versions, reasons, errors and events as the specification
has them.
"""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.flag_evaluation import Reason
from openfeature.provider import ProviderStatus

from gateway.following import Source
from gateway.openfeature import RollguardProvider
from operators.connectors.control.file import FileFollower
from operators.connectors.control.follower import WrittenEvent
from operators.wire.sealing import SealingKey, Verifier, seal
from tests.control_samples import event, line

ROOT = Path(__file__).parents[2]
MODELS = {"m": {"v1": 0.9, "v2": 0.1}}
IDS = [EvaluationContext(f"user-{number}") for number in range(2_000)]
WAIT_S = 300.0


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    api.clear_providers()


def client(provider: RollguardProvider) -> OpenFeatureClient:
    api.set_provider_and_wait(provider)
    return api.get_client()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def versions(flags: OpenFeatureClient) -> dict[str, int]:
    return dict(Counter(flags.get_string_value("m", "", context) for context in IDS))


def test_a_flag_is_split_as_the_gateway_would_until_rollguard_says_else() -> None:
    provider = RollguardProvider(MODELS)
    flags = client(provider)
    before = versions(flags)
    assert before.keys() == {"v1", "v2"}
    assert 150 < before["v2"] < 250
    answer = flags.get_string_details("m", "", IDS[0])
    assert (answer.variant, answer.reason, answer.error_code) == (answer.value, Reason.SPLIT, None)
    assert answer.flag_metadata == {"share": MODELS["m"][answer.value]}
    provider.take(line(event(1, kind="promote", weights={"v2": 1.0}, lifts=True)))
    assert versions(flags) == {"v2": 2_000}
    answer = flags.get_string_details("m", "", IDS[0])
    assert (answer.variant, answer.reason) == ("v2", Reason.SPLIT)
    assert answer.flag_metadata == {"control_event": "e1", "control_type": "promote", "revision": 1, "share": 1.0}


def test_where_no_version_may_answer_the_flag_is_disabled_and_says_by_which_event() -> None:
    provider = RollguardProvider(MODELS)
    flags = client(provider)
    provider.take(line(event(1, kind="kill", version="v1")))
    assert versions(flags) == {"v2": 2_000}
    provider.take(line(event(2, kind="kill", version="v2")))
    answer = flags.get_string_details("m", "nobody", IDS[0])
    assert (answer.value, answer.variant, answer.reason) == ("nobody", None, Reason.DISABLED)
    assert answer.flag_metadata["control_event"] == "e2"


def test_faults_are_those_of_the_specification() -> None:
    flags = client(RollguardProvider(MODELS))
    cases = [
        (flags.get_string_details("other", "x", IDS[0]), ErrorCode.FLAG_NOT_FOUND),
        (flags.get_string_details("m", "x"), ErrorCode.TARGETING_KEY_MISSING),
        (flags.get_string_details("m", "x", EvaluationContext("")), ErrorCode.TARGETING_KEY_MISSING),
        (flags.get_boolean_details("m", True, IDS[0]), ErrorCode.TYPE_MISMATCH),
        (flags.get_integer_details("m", 1, IDS[0]), ErrorCode.TYPE_MISMATCH),
        (flags.get_float_details("m", 1.0, IDS[0]), ErrorCode.TYPE_MISMATCH),
        (flags.get_object_details("m", {}, IDS[0]), ErrorCode.TYPE_MISMATCH),
        (flags.get_object_details("other", {}, IDS[0]), ErrorCode.FLAG_NOT_FOUND),
    ]
    for answer, code in cases:
        assert (answer.error_code, answer.reason) == (code, Reason.ERROR)
    assert cases[0][0].value == "x"


def test_flags_that_change_are_told_of_and_no_others() -> None:
    provider = RollguardProvider(MODELS)
    flags = client(provider)
    heard: list[EventDetails] = []
    flags.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, heard.append)
    for each in (
        event(1, None, "alert", lifts=False),
        event(2, "v1", weights={"v1": 1.0}),
        event(3, "v1", "rollback_applied", weights={"v1": 1.0}),
        event(2, "v2", id="of-a-zombie"),
        event(1, "x1", model="unheard-of"),
        event(4, None, "promote", weights={"v2": 1.0}, lifts=True),
    ):
        provider.take(line(each))
    provider.take(b"{")
    until(lambda: len(heard) >= 2)  # The SDK tells in threads of its own.
    told = sorted((each.flags_changed, each.metadata["control_event"]) for each in heard)
    assert told == [(["m"], "e2"), (["m"], "e4")]
    assert provider.pins.refused == 1


def test_a_file_is_followed_in_the_background_and_only_what_is_signed_is_believed(tmp_path: Path) -> None:
    path, key = tmp_path / "control.ndjson", SealingKey("a", "a secret of some length")
    path.write_bytes(seal(event(1, "v1"), key) + b"\n" + line(event(2, "v2")))
    provider = RollguardProvider(MODELS, lambda: FileFollower(path, "beginning"), Verifier([key]))
    flags = client(provider)
    assert versions(flags) == {"v1": 2_000}, "what was said before the start holds from the first answer on"
    assert provider.pins.refusals == {"unsigned": 1}
    changed: list[EventDetails] = []
    flags.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, changed.append)
    with path.open("ab") as file:
        file.write(seal(event(3, None, "promote", weights={"v2": 1.0}, lifts=True), key) + b"\n")
    until(lambda: bool(changed))
    assert versions(flags) == {"v2": 2_000}
    provider.shutdown()
    with pytest.raises(ProviderNotReadyError):
        provider.resolve_string_details("m", "", IDS[0])


class Broken:
    """A source that fails after what it gives, or that never comes to its end."""

    def __init__(self, messages: list[bytes], fails: bool) -> None:
        self._messages, self._fails = messages, fails

    @property
    def at_end(self) -> bool:
        return False

    def read(self) -> list[WrittenEvent]:
        if not self._messages and self._fails:
            raise ConnectionError("the broker is gone")
        said = [WrittenEvent("topic/0", number, body) for number, body in enumerate(self._messages, 1)]
        self._messages = []
        return said

    def close(self) -> None:
        self._messages = []


def test_nothing_is_answered_before_all_that_was_said_is_read() -> None:
    provider = RollguardProvider(MODELS, lambda: Broken([line(event(1, "v1"))], fails=False), ready_s=0.2)
    with pytest.raises(ProviderNotReadyError, match=r"not read within 0\.2 s"):
        api.set_provider_and_wait(provider)
    answer = api.get_client().get_string_details("m", "x", IDS[0])
    assert (answer.value, answer.error_code) == ("x", ErrorCode.PROVIDER_NOT_READY)


def test_a_failure_is_told_of_and_what_was_said_holds_until_it_is_over(tmp_path: Path) -> None:
    path = tmp_path / "control.ndjson"
    path.write_bytes(line(event(1, "v1")))
    sources: list[Source] = [FileFollower(path, "beginning"), Broken([line(event(1, "v1"))], fails=True)]
    provider = RollguardProvider(MODELS, lambda: sources.pop() if sources else FileFollower(path, "beginning"))
    events: list[str] = []
    api.add_handler(ProviderEvent.PROVIDER_ERROR, lambda details: events.append(details.message or ""))
    flags = client(provider)
    until(lambda: bool(events))
    assert events == ["the broker is gone"]
    assert flags.get_provider_status() == ProviderStatus.READY
    assert versions(flags) == {"v1": 2_000}


def test_the_example_of_the_documentation_runs(tmp_path: Path) -> None:
    text = (ROOT / "infra/README.md").read_text()
    example = next(part.split("```")[0] for part in text.split("```python\n")[1:] if "RollguardProvider" in part)
    said = event(1, "v1", model="checkout", weights={"v1": 1.0})
    (tmp_path / "control.ndjson").write_bytes(line(said))
    done = subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("v1 SPLIT {'share': 1.0, 'control_event': 'e1', 'control_type': 'rollback'")
