"""Results of a policy's tests as JUnit XML, which build servers read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

from policies.simulate import ExampleResult

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One policy's tests. `error`: why it could not even be read. `seconds`: how long all of them took."""

    file: str
    name: str
    results: tuple[ExampleResult, ...] = ()
    error: str = ""
    seconds: float = 0.0

    @property
    def failed(self) -> int:
        """How many tests failed."""
        return sum(not result.passed for result in self.results)


def junit(suites: Sequence[Suite]) -> str:
    """Write suites as JUnit XML."""
    root = Xml.Element("testsuites")
    for suite in suites:
        root.append(_suite(suite))
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    Xml.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"


def _suite(suite: Suite) -> Xml.Element:
    counts = {
        "tests": len(suite.results) + bool(suite.error),
        "failures": suite.failed,
        "errors": int(bool(suite.error)),
    }
    told = {**counts, "skipped": 0, "time": f"{suite.seconds:.3f}"}
    element = Xml.Element(
        "testsuite", {"name": _text(suite.file), **{name: str(value) for name, value in told.items()}}
    )
    for result in suite.results:
        file, _, line = result.where.rpartition(":")
        place = {"classname": _text(suite.name), "name": _text(result.name), "file": _text(file), "line": line}
        case = Xml.SubElement(element, "testcase", place)
        if not result.passed:
            failure = Xml.SubElement(case, "failure", {"message": _text(result.failures[0])})
            failure.text = _text("\n".join(result.failures))
    if suite.error:
        case = Xml.SubElement(element, "testcase", {"classname": _text(suite.file), "name": "the policy can be read"})
        Xml.SubElement(case, "error", {"message": _text(suite.error.split("\n", 1)[0])}).text = _text(suite.error)
    return element


def _text(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
