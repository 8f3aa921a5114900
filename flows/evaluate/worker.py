"""The long-running worker of evaluate: Kafka's events in, judged; feedback and the judges' own events to Kafka.

Its position is saved when an epoch ends, after its output was stored. Judgements made again after a crash name their
origin, and readers drop them.
"""

import logging
from collections.abc import Callable

from bytewax.dataflow import Dataflow

from flows import policy_files, process, settings
from flows.beside import Side, run_once
from flows.evaluate.counting import count_taken
from flows.evaluate.flow import INPUT, build, to_topics
from flows.evaluate.materials import judges_of
from flows.evaluate.required import require_evaluators
from flows.kafka_inputs import opener
from flows.logs import LOGGER
from flows.options import Options
from flows.process import PARTS
from flows.pulse import Pulse
from flows.topics import Topics, name_of
from flows.watcher import Watcher
from operators.connectors.kafka.client import Partition, partitions_of
from operators.connectors.kafka.producer import KafkaProducerSink
from operators.connectors.stop import Stop
from operators.evaluate.work import Judges
from operators.metrics import Metrics
from operators.policy.policy import Policy
from operators.sources.evaluate import EvaluateSource, TakenEvents, evaluated_log_of
from operators.sources.input import Input

log = logging.getLogger(LOGGER)


def run(where: settings.Settings, policy: Policy, options: Options, stop: Stop, metrics: Metrics) -> None:
    """Run until `stop` is requested. Raises what stopped it; PolicyError where a judge cannot be asked."""
    require_evaluators(policy)
    evaluate = _Evaluate(where, policy, options, stop, metrics)
    process.run(where, options, stop, metrics, evaluate.run_once)


class _Evaluate:
    def __init__(
        self, where: settings.Settings, policy: Policy, options: Options, stop: Stop, metrics: Metrics
    ) -> None:
        self._where = where.in_group("evaluate")
        self._policy, self._options, self._stop, self._metrics = policy, options, stop, metrics

    def run_once(self, pulse: Pulse) -> None:
        where, policy = self._where, self._policy
        written = [where.feedback_topic, where.events_topic]
        side = Side(read=[where.events_topic], written=written, step=INPUT, log_of=evaluated_log_of, stores=False)
        with judges_of(policy, policy_files.folder_of(where.policy)) as judges:

            def flow(topics: Topics, begun: Callable[[], None]) -> Dataflow:
                return self._flow(topics, begun, judges, pulse)

            run_once(where, policy, self._options, self._stop, pulse, side, flow)

    def _flow(self, topics: Topics, begun: Callable[[], None], judges: Judges, pulse: Pulse) -> Dataflow:
        where, options = self._where, self._options
        watcher = _Watcher(where, [where.events_topic], topics.partitions, self._metrics, pulse)
        feedback = len(partitions_of(where.kafka, [where.feedback_topic]))
        source = EvaluateSource(
            [self._input(place, topics.ids[name_of(place)]) for place in topics.partitions],
            self._policy,
            judges=judges,
            # A judge's events go back to the partition that they came from.
            places=lambda name: (_number(name) % feedback, _number(name)),
            stop=self._stop,
            watch=watcher.watch(begun),
            taken=watcher.taken,
            recover=True,
            epoch_s=options.shared_epoch_s,
        )
        names = ", ".join(each.source for each in self._policy.evaluators)
        log.info("evaluate begins", extra={"fields": {"partitions": len(topics.partitions), "evaluators": names}})
        # Judges' own events are native JSON: readers of a topic in another format could not read them.
        events = where.events_topic if where.events_format == "native" else None
        sink = KafkaProducerSink(where.kafka, to_topics(where.feedback_topic, events), parts=PARTS, gapless=True)
        return build(source, ("said", sink))

    def _input(self, place: Partition, log_id: str) -> Input:
        return Input(
            name=name_of(place),
            stream="events",
            open=opener(self._where.kafka, place, self._options.start),
            log_id=log_id,
            form=self._where.events_format,
        )


def _number(name: str) -> int:
    return int(name.rpartition("/")[2])


class _Watcher(Watcher):
    """Turns evaluate's events into metrics and log lines."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._rates: dict[str, float] = {}
        self._doubts: dict[str, str] = {}

    def taken(self, name: str, taken: TakenEvents) -> None:
        if taken.events:
            self.pulse.beat("message")
        count_taken(self.metrics, name, taken)
        for evaluator, factor in taken.judgements.rates.items():
            if self._rates.get(evaluator, 1.0) != factor:
                self._rates[evaluator] = factor
                log.warning("rate of judging", extra={"fields": {"evaluator": evaluator, "factor": factor}})
        for evaluator, doubt in taken.judgements.doubts.items():
            if self._doubts.get(evaluator, "") != doubt:
                self._doubts[evaluator] = doubt
                log.warning("judge", extra={"fields": {"evaluator": evaluator, "standing": doubt or "believed"}})
