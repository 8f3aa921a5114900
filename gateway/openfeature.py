"""An OpenFeature provider: a flag for each model, whose value is the version that answers a targeting key.

Needs the package openfeature-sdk (extra `openfeature`).
"""

from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import NoReturn

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import (
    ErrorCode,
    FlagNotFoundError,
    ProviderNotReadyError,
    TargetingKeyMissingError,
    TypeMismatchError,
)
from openfeature.flag_evaluation import FlagMetadata, FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from gateway.following import Following, Source
from gateway.pins import PinTable
from operators.wire.sealing import Verifier

READY_S = 30.0  # How long the start waits until all earlier events have been read.


class RollguardProvider(AbstractProvider):
    """Answers flag `model` with a version; `models` are the weights by which each model's traffic is normally split.

    Variant and value are the version, the reason is SPLIT. Where no version may answer a key, because all are killed,
    the value is the caller's default and the reason DISABLED: so the best default is "", not a version. A flag's
    metadata has the `control_event` that the answer rests on, its `control_type` and `revision`, and the version's
    `share` of the traffic; before a model's first event only the share.

    With `open_source` control events are followed in the background; without it, pass them to `take`. The provider
    answers only once all earlier events have been read. If following fails later, the events read so far still hold.
    """

    def __init__(
        self,
        models: Mapping[str, Mapping[str, float]],
        open_source: Callable[[], Source] | None = None,
        verifier: Verifier | None = None,
        ready_s: float = READY_S,
    ) -> None:
        super().__init__()
        self.pins = PinTable(verifier=verifier)
        self._models = models
        self._open, self._ready_s = open_source, ready_s
        self._following: Following | None = None
        self._ready = Event()
        self._starting = False  # While starting, `initialize` reports readiness.
        self._error = ""

    def get_metadata(self) -> Metadata:
        return Metadata(name="rollguard")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Begin to follow, and wait until earlier events are read. ProviderNotReadyError if that takes too long."""
        if self._open is None:
            self._ready.set()
            return
        self._starting = True
        self._following = Following(self._open, self.take, self._notice)
        self._following.start()
        self._ready.wait(self._ready_s)
        self._starting = False
        if not self._ready.is_set():
            raise ProviderNotReadyError(f"control events were not read within {self._ready_s:g} s; {self._error}")

    def shutdown(self) -> None:
        if self._following is not None:
            self._following.stop()
            self._following = None
        self._ready.clear()

    def take(self, event: bytes) -> None:
        """Take a control event, as the value of a message; if its model's routing changes, so does the flag."""
        model = self.pins.heed(event)
        if model is not None and model in self._models:
            state = self.pins.states[model]
            self.emit_provider_configuration_changed(
                ProviderEventDetails(
                    flags_changed=[model],
                    message=f"{state.type} of revision {state.revision}",
                    metadata={"control_event": state.event},
                )
            )

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        own = self._weights_of(flag_key)
        key = evaluation_context.targeting_key if evaluation_context is not None else None
        if not key:
            raise TargetingKeyMissingError("a key is needed, such as a user, that is to keep its version")
        version = self.pins.route(flag_key, key, own)
        if version is None:
            metadata = self._metadata(flag_key, 0.0)
            return FlagResolutionDetails(value=default_value, reason=Reason.DISABLED, flag_metadata=metadata)
        metadata = self._metadata(flag_key, self.pins.shares(flag_key, own).get(version, 0.0))
        return FlagResolutionDetails(value=version, variant=version, reason=Reason.SPLIT, flag_metadata=metadata)

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        self._mismatch(flag_key)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        self._mismatch(flag_key)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        self._mismatch(flag_key)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        self._mismatch(flag_key)

    def _mismatch(self, flag_key: str) -> NoReturn:
        self._weights_of(flag_key)
        raise TypeMismatchError("the value of a flag is a version: a string")

    def _weights_of(self, flag_key: str) -> Mapping[str, float]:
        if not self._ready.is_set():
            raise ProviderNotReadyError("what rollguard said before has not been read yet")
        own = self._models.get(flag_key)
        if own is None:
            raise FlagNotFoundError(f"no weights were given for a model {flag_key!r}")
        return own

    def _metadata(self, model: str, share: float) -> FlagMetadata:
        state = self.pins.states.get(model)
        if state is None:
            return {"share": share}
        return {
            "share": share,
            "control_event": state.event,
            "control_type": state.type,
            "revision": state.revision,
        }

    def _notice(self, error: Exception | None) -> None:
        if error is None:
            self._ready.set()
            if not self._starting:
                self.emit_provider_ready(ProviderEventDetails())
        else:
            self._error = str(error)
            self.emit_provider_error(ProviderEventDetails(message=str(error), error_code=ErrorCode.GENERAL))
