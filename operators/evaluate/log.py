"""Judges one partition of events: which requests are drawn, who judges them, and what is written, in order.

Judgements take seconds and come in any order; what is written keeps the order of the log. So a request waits for those
before it, each of which ends by its own deadline, and the number of those that wait has a limit. No call here blocks:
the owner gives messages, and asks what is settled.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from operators.enrich.waiting import Complete
from operators.evaluate.asking import Asking
from operators.evaluate.golden import Agreement, Doubt, digest_of
from operators.evaluate.rate import HALVINGS_MAX, Budget, Spent, halvings_behind
from operators.evaluate.sampling import Drawn, Draws
from operators.evaluate.saying import Saying
from operators.evaluate.texts import case_of
from operators.evaluate.work import Judges, Work
from operators.evaluators.case import Judged
from operators.evaluators.llm import Llm
from operators.ingest import reserved, wrong_topic
from operators.ingest.believed import faults_of_times
from operators.ingest.columns import times_of
from operators.ingest.formats.registry import request_decoder_of
from operators.ingest.messages import Messages
from operators.ingest.own_dimensions import slicing
from operators.policy.policy import Policy
from operators.wire.evaluator_models import is_evaluator_model
from operators.wire.events import Request, ms_of

CHUNK = 1_000  # Messages decoded at once.
REMEMBERED_MAX = 100_000  # Requests that were drawn: a copy of one is not judged again.


class EvaluatedState(msgspec.Struct, kw_only=True):
    """What is saved beside the position: budgets spent, golden rounds begun, and agreement, each by evaluator."""

    spent: dict[str, Spent] = {}
    rounds: dict[str, int] = {}
    agreements: dict[str, Agreement] = {}


class Judgements(msgspec.Struct, frozen=True, kw_only=True):
    """What is written of the next requests, in order, and statistics of judging.

    `judged` counts by evaluator, `failed` by fault, `skipped` by reason; `rates` has by evaluator the least factor that
    its rate has fallen to, 1.0 for none; `doubts` says why a judge is not believed, "" if it is.
    """

    feedback: Sequence[Complete]
    events: Sequence[Complete]
    judged: Counter[str]
    failed: Counter[str]
    skipped: Counter[str]
    rates: Mapping[str, float]
    doubts: Mapping[str, Doubt]


class EvaluatedLog:
    """Takes the messages of a partition in order, in the format `form`; `name` names its log, for ever.

    If it is not `live`, as for files, judgements are dated as if made when the requests were: the time of the request
    plus what judging took.
    """

    def __init__(
        self,
        name: str,
        policy: Policy,
        judges: Judges,
        state: EvaluatedState | None = None,
        form: str = "native",
        *,
        live: bool = True,
    ) -> None:
        self._policy, self._judges = policy, judges
        self.state = state or EvaluatedState()
        self._decoder = slicing(request_decoder_of(form)(policy), policy)
        self._sampling = Draws(policy.evaluate, policy.evaluators, judges.reported)
        self._asking, self._saying = Asking(policy, judges), Saying(name, policy, judges)
        self._models = [each for each in policy.evaluators if isinstance(each, Llm)]
        self._digests = {each.name: digest_of(judges.golden.get(each.name, ())) for each in self._models}
        self._budgets = {
            each.name: Budget(each, judges.parts, self.state.spent.get(each.name)) for each in self._models
        }
        self.state.spent = {name: budget.spent for name, budget in self._budgets.items()}
        for known, agreement in self.state.agreements.items():
            judges.agreements.setdefault(known, agreement)
        self.state.agreements = judges.agreements
        self._works: deque[Work] = deque()
        self._remembered: OrderedDict[tuple[str, int | None, str, str], None] = OrderedDict()
        self._rates: dict[str, float] = {}
        self._live, self._written_ms = live, 0
        self.refused = 0  # Items that are not events, or cannot be used.

    def __len__(self) -> int:
        """How many requests wait for their judgement, or for one before them."""
        return len(self._works)

    @property
    def full(self) -> bool:
        """Whether no more messages may be taken for now."""
        return len(self._works) >= self._policy.evaluate.waiting_max

    @property
    def position(self) -> int | None:
        """The position of the first message that is not done, None where all are."""
        return self._works[0].position if self._works else None

    def take(self, messages: Messages, now_ms: int) -> int:
        """Take the next messages, read at `now_ms` [Unix ms]; return the number of events."""
        count = 0
        for start in range(0, len(messages), CHUNK):
            decoded = self._decoder.decode(messages.part(start, start + CHUNK))
            events, origin = decoded.items, decoded.origin
            faults = wrong_topic.feedback_faults(events) | reserved.faults_of(events)
            faults |= faults_of_times(times_of([event.ts for event in events]), origin, self._policy)
            self.refused += len(decoded.rejects) + len(faults)
            received = origin.received_ms.tolist()
            for index, event in enumerate(events):
                if index not in faults and not is_evaluator_model(event.model):
                    self._take(event, origin.place(index), min(received[index], now_ms), now_ms)
            count += len(events)
        return count

    def _take(self, request: Request, place: tuple[int, int], received_ms: int, now_ms: int) -> None:
        for evaluator in self._models:
            for work in self._golden_round(evaluator, place, received_ms, ms_of(request.ts)):
                self._begin(work)
        full = self._sampling.draw(request)
        if not full or self._seen(request):
            return
        case = case_of(request, self._policy.evaluate.text_chars_max, self._judges.references)
        if case is None:
            self._asking.skipped["no_text"] += len(full)
            return
        drawn = self._within_means(request, full, received_ms, now_ms)
        if drawn:
            self._begin(
                Work(
                    position=place[0],
                    item=place[1],
                    received_ms=received_ms,
                    asked_ms=ms_of(request.ts),
                    case=case,
                    request=request,
                    drawn=drawn,
                )
            )

    def _begin(self, work: Work) -> None:
        self._works.append(work)
        self._asking.begin(work)

    def _seen(self, request: Request) -> bool:
        key = request.request_id, request.attempt, request.model, request.version
        if key in self._remembered:
            return True
        self._remembered[key] = None
        if len(self._remembered) > REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        return False

    def _within_means(
        self, request: Request, full: Mapping[str, Drawn], received_ms: int, now_ms: int
    ) -> Mapping[str, Drawn]:
        """Return what is drawn at rates lowered as far as backlog and budgets demand; count what that leaves out."""
        behind = halvings_behind(now_ms - received_ms, self._policy.evaluate.behind_max_ms)
        factors: dict[str, float] = {}
        for name in full:
            less = self._budgets[name].halvings(received_ms) if name in self._budgets else 0
            factors[name] = 0.0 if less is None else 0.5 ** min(behind + less, HALVINGS_MAX)
        for name, factor in factors.items():
            self._rates[name] = min(factor, self._rates.get(name, 1.0))  # The last requests of a backlog came just now.
        drawn = full if min(factors.values()) >= 1.0 else self._sampling.draw(request, factors)
        for name in self._budgets.keys() & drawn.keys():
            self._budgets[name].ask(received_ms)
        self._asking.skipped["behind" if behind else "budget"] += len(full) - len(drawn)
        return drawn

    def _golden_round(self, evaluator: Llm, place: tuple[int, int], received_ms: int, asked_ms: int) -> Iterator[Work]:
        """Begin a round of golden cases if one is due: by the log's own time, so that a restart begins the same."""
        self._judges.agreements.setdefault(evaluator.name, Agreement()).begin(
            evaluator.source, self._digests[evaluator.name], received_ms
        )
        cases = self._judges.golden.get(evaluator.name, ())
        current = received_ms // evaluator.golden_every_ms
        if not cases or current <= self.state.rounds.get(evaluator.name, -1):
            return
        self.state.rounds[evaluator.name] = current
        drawn = {evaluator.name: Drawn(sample="share", rate=1.0)}
        for number in range(self._judges.number, len(cases), self._judges.parts):
            yield Work(
                position=place[0],
                item=place[1],
                received_ms=received_ms,
                asked_ms=asked_ms,
                case=cases[number].case(number),
                golden=number,
                drawn=drawn,
                gates=False,
            )

    def settled(self, now_ms: int) -> Judgements:
        """Return, and forget, what is written at `now_ms` of the next requests that are fully judged."""
        self._asking.gather()
        feedback: list[Complete] = []
        events: list[Complete] = []
        judged, failed = Counter[str](), Counter[str]()
        while self._works and not self._works[0].open:
            work = self._works.popleft()
            written_ms = self._time_of(work, now_ms)
            feedback += self._saying.feedback(work, written_ms)
            events += self._saying.events(work, written_ms)
            for name, each in work.judged.items():
                self._count(name, each, judged, failed)
        skipped, self._asking.skipped = self._asking.skipped, Counter()
        rates, self._rates = self._rates, {}
        return Judgements(
            feedback=feedback,
            events=events,
            judged=judged,
            failed=failed,
            skipped=+skipped,
            rates=rates,
            doubts={
                each.name: self._judges.agreements[each.name].doubt(each, now_ms)
                for each in self._models
                if each.name in self._judges.agreements
            },
        )

    def _time_of(self, work: Work, now_ms: int) -> int:
        """Return the time that the judgements of a request are dated, no earlier than those of the one before."""
        if self._live:
            return now_ms
        took_ms = max((each.latency_ms for each in work.judged.values()), default=0.0)
        self._written_ms = max(self._written_ms, min(work.asked_ms + int(took_ms), now_ms))
        return self._written_ms

    def _count(self, name: str, each: Judged, judged: Counter[str], failed: Counter[str]) -> None:
        if each.fault:
            failed[each.fault] += 1
        elif each.scores:
            judged[name] += 1
        else:
            self._asking.skipped["nothing_to_say"] += 1
        if name in self._budgets:
            self._budgets[name].paid(each.input_tokens, each.output_tokens)
