"""The kinds of `[[monitor]]` in a policy: which keys each has, what they default to, and what is refused."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from operators.policy.monitor_place import EVERY, On, Reading
from operators.policy.monitors import Adwin, AnyMonitor, Contract, Monitor, PageHinkley, Psi, Reference, Sigma
from operators.policy.reading import Duration, Inner, Name
from operators.profiles.profile import EMBEDDING
from operators.wire.events import Id

HOUR = Duration("1h")
Above = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]


class _Monitor(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What every kind has; the path of a profile only those that read one."""

    name: Name
    kind: str
    model: Id | None = None
    slices: Annotated[tuple[str, ...], Meta(min_length=1)] = ("*",)

    @property
    def path(self) -> str | None:
        """The profile that is named here."""
        return None

    @property
    def profiled(self) -> bool:
        """Whether it needs a profile, so that `[drift]` may name it."""
        return False

    def common(self, reading: Reading, on: tuple[str, ...]) -> dict[str, Any]:
        """Return the fields of `monitors.Monitor`."""
        profile = "" if reading.profile is None else reading.profile.name
        base = Monitor(
            name=self.name,
            kind=self.kind,
            on=on,
            model=self.model,
            profile=profile,
            grains=reading.key.grains(self.slices),
        )
        return msgspec.structs.asdict(base)


class _Profiled(_Monitor, frozen=True, kw_only=True):
    profile: str | None = None

    @property
    def path(self) -> str | None:
        return self.profile

    @property
    def profiled(self) -> bool:
        return True


class _Psi(_Profiled, frozen=True, kw_only=True):
    on: On
    window: Duration = HOUR
    reference: Reference = "profile"
    alpha: Inner = 0.001
    psi_min: Above = 0.2

    def monitor(self, reading: Reading) -> AnyMonitor:
        reading.profile_of(f'kind = "{self.kind}"')
        return Psi(
            **self.common(reading, reading.fields(self.on)),
            window_ms=reading.window(self.window, self.reference),
            reference=self.reference,
            alpha=self.alpha,
            psi_min=self.psi_min,
        )


class _Embedding(_Psi, frozen=True, kw_only=True):
    on: On = EMBEDDING

    def monitor(self, reading: Reading) -> AnyMonitor:
        if self.on != EMBEDDING:
            raise reading.key.refuse("on", 'must be "embedding"')
        return super().monitor(reading)


class _Adwin(_Monitor, frozen=True, kw_only=True):
    on: On
    delta: Inner = 0.002 / 32
    learned_from: Annotated[int, Meta(ge=2, le=100_000)] = 60

    def monitor(self, reading: Reading) -> AnyMonitor:
        on = reading.each([self.on] if isinstance(self.on, str) else self.on, reading.series)
        return Adwin(**self.common(reading, on), delta=self.delta, learned_from=self.learned_from)


class _PageHinkley(_Monitor, frozen=True, kw_only=True):
    on: On
    allowance: Above = 0.5
    threshold: Above = 15.0
    samples_min: Annotated[int, Meta(ge=1)] = 30
    learned_from: Annotated[int, Meta(ge=2, le=100_000)] = 60

    def monitor(self, reading: Reading) -> AnyMonitor:
        on = reading.each([self.on] if isinstance(self.on, str) else self.on, reading.series)
        return PageHinkley(
            **self.common(reading, on),
            allowance=self.allowance,
            threshold=self.threshold,
            samples_min=self.samples_min,
            learned_from=self.learned_from,
        )


class _Sigma(_Profiled, frozen=True, kw_only=True):
    on: On
    window: Duration = HOUR
    reference: Reference = "baseline"
    sigmas: Above = 3.0

    @property
    def profiled(self) -> bool:
        return self.reference == "profile"

    def monitor(self, reading: Reading) -> AnyMonitor:
        if self.reference == "profile":
            reading.profile_of('reference = "profile"')
        on = reading.each([self.on] if isinstance(self.on, str) else self.on, reading.number)
        return Sigma(
            **self.common(reading, on),
            window_ms=reading.window(self.window, self.reference),
            reference=self.reference,
            sigmas=self.sigmas,
        )


class _Contract(_Profiled, frozen=True, kw_only=True):
    on: On = EVERY
    window: Duration = HOUR
    sigmas: Above = 5.0
    low: float | None = None
    high: float | None = None
    categories: list[str] | None = None
    missing_share_max: Share | None = None

    def monitor(self, reading: Reading) -> AnyMonitor:
        reading.profile_of('kind = "contract"')
        on = reading.fields(self.on)
        self._check_limits(reading, on)
        return Contract(
            **self.common(reading, on),
            window_ms=reading.window(self.window),
            sigmas=self.sigmas,
            low=self.low,
            high=self.high,
            categories=None if self.categories is None else tuple(self.categories),
            missing_share_max=self.missing_share_max,
        )

    def _check_limits(self, reading: Reading, on: tuple[str, ...]) -> None:
        refuse = reading.key.refuse
        for key in ("low", "high", "categories"):
            if getattr(self, key) is not None and len(on) > 1:
                raise refuse(key, "has a meaning only for one field in `on`")
        field = reading.field(on[0])
        if field is None:
            return
        for key in ("low", "high"):
            if getattr(self, key) is not None and field.kind != "number":
                raise refuse(key, f"has no meaning for {on[0]}, which is no number in the profile {reading.path}")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise refuse("low", f"must be at most high ({self.high:g})")
        for name in self.categories or ():
            if name not in field.categories:
                raise refuse("categories", f"must be among those of the profile: {', '.join(field.categories)}", name)


KINDS: dict[str, type[_Psi | _Embedding | _Adwin | _PageHinkley | _Sigma | _Contract]] = {
    "psi": _Psi,
    "adwin": _Adwin,
    "page_hinkley": _PageHinkley,
    "sigma": _Sigma,
    "contract": _Contract,
    "embedding": _Embedding,
}
