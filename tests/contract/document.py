"""Holds what the platform answers against its own OpenAPI document, and reads the table of docs/contract.md."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import requests

from foundation.openapi import described

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "contract.md"
ROW = re.compile(r"^\| (GET|POST) (/\S+) \| (same|differs) \|(.*)\|$")
# What HTTP itself and browsers are told, whatever is asked (see foundation.middleware and foundation.hot).
OF_EVERY_ANSWER = frozenset(
    {
        *("content-type", "content-length", "transfer-encoding", "connection", "date", "server", "cache-control", "vary"),
        *("content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy"),
        *("cross-origin-opener-policy", "content-disposition", "pragma", "set-cookie"),
        *("access-control-allow-origin", "access-control-allow-credentials"),
    }
)
PARAMETER = re.compile(r"\{[^}]+\}")


@dataclass(frozen=True)
class Row:
    """One endpoint of the contract as docs/contract.md has it."""

    method: str
    path: str
    verdict: str
    text: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Exchange:
    """One request that was made, and its answer."""

    method: str
    path: str
    body: Any
    status: int
    answer: Any


def rows(table: Path = TABLE) -> Iterator[Row]:
    """Every endpoint in the tables of docs/contract.md."""
    for line in table.read_text().splitlines():
        found = ROW.match(line)
        if found:
            yield Row(*found.groups())


class Document:
    """An OpenAPI document, and what it says of a path and a method."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.patterns = {template: self._pattern(template) for template in document["paths"]}
        self.validators: dict[tuple[str, str, str], jsonschema.Draft202012Validator] = {}

    def _pattern(self, template: str) -> re.Pattern[str]:
        return re.compile(
            "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]+\})", template)) + "$"
        )

    def find(self, path: str) -> str | None:
        """The path template that a path belongs to, if any; a literal one wins over one with parameters."""
        matching = [template for template, pattern in self.patterns.items() if pattern.match(path)]
        return min(matching, key=lambda template: template.count("{"), default=None)

    def template(self, path: str) -> str:
        """The same; fails where there is none."""
        found = self.find(path)
        assert found, f"{path} is not in the OpenAPI document"
        return found

    def check(self, exchange: Exchange) -> None:
        """Fail unless the document has this answer of this endpoint, with this shape."""
        template = self.template(exchange.path.partition("?")[0])
        self._valid(template, exchange.method.lower(), exchange.status, exchange.answer)

    def told(self, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Fail unless the document has the status, every header and the body of this answer. What it does not have at all (the
        pages of browsers, methods that a path does not have) is not held against it."""
        template = self.find(path.partition("?")[0])
        if template is None or method.lower() not in self.document["paths"][template]:
            return
        described = self._response(template, method.lower(), status)
        missing = {name.lower() for name in headers} - OF_EVERY_ANSWER - described.get("headers", {}).keys()
        assert not missing, f"{method} {path} answered {status} with headers that the document does not have: {missing}"
        kind = headers.get("content-type", "").partition(";")[0]
        if body:
            assert kind in described.get("content", {}), f"{method} {path} answered {status} as {kind}"
        if kind == "application/json" and body:
            self._valid(template, method.lower(), status, json.loads(body))

    def _response(self, template: str, method: str, status: int) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.document["paths"][template][method]["responses"].get(str(status))
        assert found, f"{method.upper()} {template} answered {status}, which the document does not have"
        return found

    def _valid(self, template: str, method: str, status: int, answer: Any) -> None:
        content = self._response(template, method, status).get("content", {}).get("application/json")
        if content is None:
            return
        key = template, method, str(status)
        if key not in self.validators:
            schema = {"components": self.document["components"], **content["schema"]}
            self.validators[key] = jsonschema.Draft202012Validator(schema)
        self.validators[key].validate(answer)


@cache
def own() -> Document:
    """The document of all that this code serves."""
    return Document(described())


def same_place(one: str, other: str) -> bool:
    """Whether two path templates differ in the names of their parameters only."""
    return PARAMETER.sub("{}", one) == PARAMETER.sub("{}", other)


def answered(method: str, path: str, body: Any, answer: requests.Response) -> Exchange:
    """A request with its answer, whose body is JSON."""
    return Exchange(method, path, body, answer.status_code, answer.json())
