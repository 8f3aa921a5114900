"""A comparison as JUnit XML, which continuous integration shows: a test case per eval case."""

import re
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from operators.evals.case import EvalCase
from operators.evals.gate_result import GateResult, Tried
from operators.evals.preferences import Preferences

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(
    name: str,
    cases: Sequence[EvalCase],
    tries: Mapping[str, Tried],
    found: GateResult,
    allow_known: bool,
    preferences: Preferences | None = None,
) -> bytes:
    """Return the XML. A case that the baseline fails as well is skipped where `allow_known`, else a failure.

    A comparison of answers is a test case of its own: so green XML means that the version may be released.
    """
    tests = [_test(case, tries[case.id], found, allow_known) for case in cases]
    tests += [] if preferences is None else [_compared(preferences, cases[0].model)]
    counts = {tag: sum(test.find(tag) is not None for test in tests) for tag in ("failure", "error", "skipped")}
    suite = Element(
        "testsuite",
        name=_clean(name),
        tests=str(len(tests)),
        failures=str(counts["failure"]),
        errors=str(counts["error"]),
        skipped=str(counts["skipped"]),
        time=f"{sum(_seconds(each) for each in tries.values()):.3f}",
    )
    suite.extend(tests)
    root = Element("testsuites")
    root.append(suite)
    indent(root)
    text: bytes = tostring(root, "utf-8", xml_declaration=True)
    return text + b"\n"


def _test(case: EvalCase, tries: Tried, found: GateResult, allow_known: bool) -> Element:
    test = Element(
        "testcase",
        classname=_clean(f"{case.model}.{case.root_cause or 'other'}"),
        name=_clean(f"{case.id} {case.note}".strip()),
        time=f"{_seconds(tries):.3f}",
    )
    worst = tries.worst
    if case.id in found.unanswered:
        SubElement(test, "error", message=_clean(worst.error), type="unanswered")
    elif case.id in found.still_failing and allow_known:
        SubElement(test, "skipped", message="fails on the baseline as well")
    elif case.id in (*found.broke, *found.still_failing):
        kind = "broke" if case.id in found.broke else "still failing"
        failure = SubElement(test, "failure", message=_clean("; ".join(worst.failed)), type=kind)
        failure.text = _clean(f"asked: {case.input}\nanswered: {worst.output}")
    if case.id in found.flaky:
        passed = sum(each.passed is True for each in tries.answers)
        SubElement(test, "system-out").text = f"flaky: {passed} of {len(tries.answers)} answers passed"
    return test


def _compared(preferences: Preferences, model: str) -> Element:
    test = Element("testcase", classname=_clean(f"{model}.compare"), name=_clean(preferences.evaluator), time="0.000")
    if preferences.count(""):
        SubElement(test, "error", message=_clean(preferences.words), type="not judged")
    elif not preferences.held:
        SubElement(test, "failure", message=_clean(preferences.words), type="worse")
    return test


def _seconds(tries: Tried) -> float:
    return sum(each.latency_ms for each in tries.answers) / 1000


def _clean(text: str) -> str:
    """Return a text that XML can hold."""
    return _NO_XML.sub("\ufffd", text)
