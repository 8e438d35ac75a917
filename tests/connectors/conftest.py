"""What the connectors' tests share: one authority, pretend sites, and the vendors' published documents, if at hand:
what we send and what a sandbox answers is held to them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from jsonschema.exceptions import ValidationError, best_match
from openapi_schema_validator import OAS30Validator, OAS31Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4, DRAFT202012

from connectors.sandboxing import Authority, Recorded
from tests.connectors import jira_bench

FOLDER = Path(os.environ.get("STEPLADDER_PUBLISHED") or Path(__file__).parents[3] / "shared/vendors/openapi")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(params=["cloud", "datacenter"])
def bench(authority: Authority, request: pytest.FixtureRequest) -> Iterator[jira_bench.Bench]:
    yield from jira_bench.made(authority, request.param)


@pytest.fixture
def cloud(authority: Authority) -> Iterator[jira_bench.Bench]:
    yield from jira_bench.made(authority)


class Published:
    """One document. `at` turns an address of ours into one of the document's, where the two are spelled differently."""

    def __init__(self, document: Mapping[str, Any], at: Callable[[str], str] = str) -> None:
        self.document = document
        self._at = at
        old = str(self.document["openapi"]).startswith("3.0")
        whole: Any = Resource(contents=self.document, specification=DRAFT4 if old else DRAFT202012)
        self._validator: Any = OAS30Validator if old else OAS31Validator
        self._registry: Any = Registry().with_resource("urn:it", whole)
        self._paths = sorted(self.document["paths"], key=lambda path: (path.count("{"), -len(path)))

    def request(self, seen: Recorded) -> list[str]:
        """Return what a request says that the document does not: its address, its query, and every key of its body."""
        path, operation = self._operation(seen)
        if operation is None:
            return [f"{seen.method} {path}: not in the document"]
        where = f"{seen.method} {path}"
        known = {self.resolved(one)["name"] for one in self._parameters(path, operation)}
        asked = {name for name, _ in parse_qsl(seen.query, keep_blank_values=True)}
        wrong = [f"{where}: query {name}: not in the document" for name in sorted(asked - known)]
        schema = _schema(self.resolved(operation.get("requestBody") or {}))
        if seen.body is not None and schema is not None:
            wrong += [f"{where}: {problem}" for problem in self._problems(seen.body, schema)]
            wrong += [f"{where}: {key}: not in the document" for key in self._strange(seen.body, schema, "")]
        return wrong

    def answer(self, seen: Recorded) -> list[str]:
        """Return how an answer differs from what the document says of its status."""
        path, operation = self._operation(seen)
        if operation is None:
            return []  # the request says so already
        where = f"{seen.method} {path} {seen.status}"
        told = operation["responses"].get(str(seen.status)) or operation["responses"].get("default")
        if told is None:
            return [f"{where}: no such status in the document"]
        schema = _schema(self.resolved(told))
        if schema is None:
            return [f"{where}: the document has no body"] if seen.answer.strip() else []
        try:
            body = json.loads(seen.answer)
        except ValueError:
            return [f"{where}: no JSON"]
        return [f"{where}: {problem}" for problem in self._problems(body, schema)]

    def shape(self, name: str, body: Any) -> list[str]:
        """Return how something differs from a shape that the document names."""
        return self._problems(body, {"$ref": f"#/components/schemas/{name}"})

    def resolved(self, thing: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follow a reference, and the references that it leads to."""
        while "$ref" in thing:
            found: Any = self.document
            for word in thing["$ref"].removeprefix("#/").split("/"):
                found = found[word.replace("~1", "/").replace("~0", "~")]
            thing = found
        return thing

    def _operation(self, seen: Recorded) -> tuple[str, Mapping[str, Any] | None]:
        ours = self._at(seen.path)
        for path in self._paths:
            pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path))
            if re.fullmatch(pattern, ours) and seen.method.lower() in self.document["paths"][path]:
                return path, self.document["paths"][path][seen.method.lower()]
        return re.sub(r"/\d+(?=/|$)", "/{id}", ours), None

    def _parameters(self, path: str, operation: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        return [*self.document["paths"][path].get("parameters", ()), *operation.get("parameters", ())]

    def _problems(self, value: Any, schema: Mapping[str, Any]) -> list[str]:
        validator = self._validator(_anchored(schema), registry=self._registry)
        found = [_innermost(error) for error in validator.iter_errors(value)]
        return sorted({f"{_place(error.absolute_path)}: {_said(error)}" for error in found})

    def _strange(self, value: Any, schema: Mapping[str, Any], at: str) -> Iterator[str]:
        """Yield the keys that no property of the document's objects is called; a free-form object knows all."""
        schema = self.resolved(schema)
        if isinstance(value, list):
            for item in value:
                yield from self._strange(item, schema.get("items") or {}, f"{at}[]")
        if not isinstance(value, dict):
            return
        known = dict(self._properties(schema))
        for key, inner in value.items() if known else ():
            if key not in known and schema.get("additionalProperties") in (None, False):
                yield f"{at}.{key}".lstrip(".")
            else:
                yield from self._strange(inner, known.get(key) or {}, f"{at}.{key}".lstrip("."))

    def _properties(self, schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        schema = self.resolved(schema)
        yield from schema.get("properties", {}).items()
        for word in ("allOf", "anyOf", "oneOf"):
            for one in schema.get(word, ()):
                yield from self._properties(one)


def _schema(thing: Mapping[str, Any]) -> Mapping[str, Any] | None:
    content = thing.get("content") or {}
    kind = next((kind for kind in content if "json" in kind), None)
    return content[kind].get("schema") if kind else None


def _anchored(schema: Any) -> Any:
    """Let references lead into the document, from wherever they stand."""
    if isinstance(schema, dict):
        return {
            key: f"urn:it{value}" if key == "$ref" and isinstance(value, str) else _anchored(value)
            for key, value in schema.items()
        }
    return [_anchored(one) for one in schema] if isinstance(schema, list) else schema


def _innermost(error: ValidationError) -> ValidationError:
    """Return what is wrong in the alternative that comes nearest, where a document offers several."""
    while error.context:
        error = best_match(error.context)
    return error


def _said(error: ValidationError) -> str:
    return "null" if error.instance is None else error.message[:200]


def _place(path: Sequence[str | int]) -> str:
    return re.sub(r"\.\[", "[", ".".join("[]" if isinstance(one, int) else str(one) for one in path)) or "the body"


@pytest.fixture(scope="session")
def published() -> Callable[..., Published]:
    """Open a published document by its file's name, or skip the test where it is not at hand."""
    read: dict[str, Mapping[str, Any]] = {}

    def opening(name: str, at: Callable[[str], str] = str) -> Published:
        if not (FOLDER / name).is_file():
            pytest.skip(f"{name} is not at hand: put the vendors' documents where STEPLADDER_PUBLISHED says")
        if name not in read:
            read[name] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
        return Published(read[name], at)

    return opening


def unexplained(problems: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """Return the problems, each once, that no pattern of `known` explains (pattern → reason)."""
    return sorted({one for one in problems if not any(re.search(pattern, one) for pattern in known)})


@pytest.fixture(scope="session")
def explained() -> Callable[[Sequence[str], Mapping[str, str]], list[str]]:
    """Return what says which problems a table of known differences leaves over."""
    return unexplained
