"""Holds what the platform answers against its own OpenAPI document, and reads the table of docs/contract.md."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import requests

from tests.running import ROOT

TABLE = ROOT / "docs" / "contract.md"
ROW = re.compile(r"^\| (GET|POST) (/\S+) \| (same|differs) \|(.*)\|$")
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

    def _pattern(self, template: str) -> re.Pattern[str]:
        return re.compile(
            "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]+\})", template)) + "$"
        )

    def template(self, path: str) -> str:
        """The path template that a path belongs to; a literal one wins over one with parameters."""
        matching = [template for template, pattern in self.patterns.items() if pattern.match(path)]
        assert matching, f"{path} is not in the OpenAPI document"
        return min(matching, key=lambda template: template.count("{"))

    def check(self, exchange: Exchange) -> None:
        """Fail unless the document has this answer of this endpoint, with this shape."""
        operation = self.document["paths"][self.template(exchange.path.partition("?")[0])][exchange.method.lower()]
        described = operation["responses"].get(str(exchange.status))
        assert described, f"{exchange.method} {exchange.path} answered {exchange.status}, which the document does not have"
        content = described.get("content", {}).get("application/json")
        if content is None:
            return
        schema = {"components": self.document["components"], **content["schema"]}
        jsonschema.Draft202012Validator(schema).validate(exchange.answer)


def same_place(one: str, other: str) -> bool:
    """Whether two path templates differ in the names of their parameters only."""
    return PARAMETER.sub("{}", one) == PARAMETER.sub("{}", other)


def answered(method: str, path: str, body: Any, answer: requests.Response) -> Exchange:
    """A request with its answer, whose body is JSON."""
    return Exchange(method, path, body, answer.status_code, answer.json())
