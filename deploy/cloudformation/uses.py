"""What each unit of the code asks of the ports: which verb, on which records, folders, queues or secrets.

Where the text does not tell on which, it is ANY of those that the unit's capability has: more than needed, never less.
"""

import ast
import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from deploy.cloudformation.code import PORTS, Code, Name, Unit, parts
from foundation.records import Record

VERBS: Final[Mapping[str, frozenset[str]]] = {
    "records": frozenset({"get", "put", "delete", "query", "increment", "add", "batch", "remove"}),
    "files": frozenset({"write", "read", "open", "find", "delete", "seal", "upload_url", "download_url"}),
    "queues": frozenset({"send", "depth", "dead", "redrive"}),
    "secrets": frozenset({"get", "put", "create"}),
}
SHARED: Final = frozenset({"counters", "limits"})  # ports whose one server lets a process at all of it or at nothing
HOLDS: Final = frozenset({"put", "add", "batch", "remove"})  # verbs of records that get records; the others get their class
UPDATE: Final = ("foundation.records", "update")
TALLY: Final = ("foundation.tally", "count")
FOR_OTHERS: Final[
    Mapping[Name, tuple[str, int, frozenset[str]]]
] = {  # functions that ask for what their callers name: the verb,
    UPDATE: ("update", 1, frozenset()),  # the place of the class among the arguments, and what the verb is given besides
    TALLY: ("increment", 0, frozenset({"once"})),
}
TOGETHER: Final = ("foundation.together", "together")
REPLACE: Final = ("msgspec.structs", "replace")
ANY: Final = "*"
DEPTH: Final = 6


@dataclass(frozen=True, slots=True)
class Use:
    """A verb of a port. on: the table, folder, queue or secret; ANY where the text does not tell.

    index: that of a query, ANY where the text does not tell. further: the names of the other arguments.
    """

    port: str
    verb: str
    on: str
    index: str = ""
    further: frozenset[str] = frozenset()


def uses(code: Code, unit: Unit) -> Iterator[Use]:
    """All of a unit."""
    if unit.name in FOR_OTHERS or not _mentions_ports(unit):
        return
    yield from (Use(each[1], "mention", "") for each in unit.mentions if each[0] == PORTS and each[1] in SHARED)
    nodes = [node for top in unit.nodes for node in parts(top)]
    calls = {id(node.func): node for node in nodes if isinstance(node, ast.Call)}
    for node in nodes:
        if isinstance(node, ast.Attribute):
            port = _port(code, unit, node.value)
            if port and node.attr in VERBS[port]:
                yield from _use(code, unit, port, node.attr, calls.get(id(node)))
        elif isinstance(node, ast.Call) and (found := code.resolved(unit.name[0], node.func)[0]) in FOR_OTHERS:
            verb, place, further = FOR_OTHERS[found]
            yield Use("records", verb, kind_of(code, unit, node.args[place]) or ANY, "", further)


def _mentions_ports(unit: Unit) -> bool:
    """Whether it can have any: most have none, and need not be gone through."""
    return unit.name[0].startswith(PORTS) or any(each[0] == PORTS or each in FOR_OTHERS for each in unit.mentions)


def _port(code: Code, unit: Unit, node: ast.AST) -> str | None:
    found, rest = code.resolved(unit.name[0], node)
    if found is not None and found[0] == PORTS and not rest and found[1] in VERBS:
        return found[1]
    if unit.name[0].startswith(PORTS) and isinstance(node, ast.Attribute) and node.attr in VERBS:
        return node.attr
    return None


def _use(code: Code, unit: Unit, port: str, verb: str, call: ast.Call | None) -> Iterator[Use]:
    """The uses of one mention of a verb; without a call it is handed on, to be called with who knows what."""
    given = call.args if call else []
    first = given[0] if given else None
    if port == "records":
        yield from _records(code, unit, verb, call, first)
    elif port == "files":
        for folder in folders(code, unit, first) or {ANY}:
            yield Use(port, verb, folder)
        if verb == "seal":
            for folder in folders(code, unit, given[1] if len(given) > 1 else None) or {ANY}:
                yield Use(port, "sealed", folder)
    else:
        named = next((each.value for each in call.keywords if each.arg == "queue"), first) if call else None
        yield Use(port, verb, text(code, unit, named) or ANY)


def _records(code: Code, unit: Unit, verb: str, call: ast.Call | None, first: ast.AST | None) -> Iterator[Use]:
    given = {each.arg: each.value for each in call.keywords if each.arg} if call else {}
    if verb in HOLDS:
        tables = held(code, unit, first)
    else:
        named = kind_of(code, unit, first) if first is not None else None
        tables = {named} if named else set()
    index = given.get("index")
    asked = "" if index is None else str(index.value) if isinstance(index, ast.Constant) else ANY
    for table in tables or {ANY}:
        yield Use("records", verb, table, asked, frozenset(given))


@cache
def _value(name: Name) -> Any:
    return getattr(importlib.import_module(name[0]), name[1], None)


def _table(code: Code, name: Name | None) -> str | None:
    unit = code.units.get(name) if name is not None else None
    if unit is None or not any(isinstance(node, ast.ClassDef) and node.decorator_list for node in unit.nodes):
        return None
    found = _value(unit.name)
    return found.kind.table if isinstance(found, type) and issubclass(found, Record) and found is not Record else None


def kind_of(code: Code, unit: Unit, node: ast.AST) -> str | None:
    """The table of the class of records that an expression names."""
    found, rest = code.resolved(unit.name[0], node)
    return None if rest else _table(code, found)


def held(code: Code, unit: Unit, node: ast.AST | None, depth: int = DEPTH) -> set[str]:
    """The tables of the records that an expression is, or has in it; empty where the text does not tell all of them."""
    match node if depth else None:
        case ast.Call(func=func, args=args):
            found, rest = code.resolved(unit.name[0], func)
            if found == REPLACE:
                return held(code, unit, args[0], depth - 1)
            if not rest and (table := _table(code, found)):
                return {table}
            promised = code.units[found].promises if found in code.units and not rest else set()
            return {table for name in promised if (table := _table(code, name))}
        case ast.Name(id=name):
            given = [held(code, unit, each, depth - 1) for each in _assigned(code, unit, name)]
            return _all([*given, *_annotated(code, unit, name)])
        case ast.Attribute(attr=name):
            return _all(_fields(code, unit, name))
        case ast.List(elts=some) | ast.Tuple(elts=some) | ast.BoolOp(values=some):
            return _all(held(code, unit, each, depth - 1) for each in some)
        case ast.IfExp(body=one, orelse=other):
            return _all(held(code, unit, each, depth - 1) for each in (one, other))
        case ast.Starred(value=inner) | ast.ListComp(elt=inner) | ast.GeneratorExp(elt=inner):
            return held(code, unit, inner, depth - 1)
    return set()


def _fields(code: Code, unit: Unit, name: str) -> Iterator[set[str]]:
    """What the fields of this name are said to be, of every class of this capability."""
    for each in code.units.values():
        if _package(each) == _package(unit):
            for node in (part for top in each.nodes if isinstance(top, ast.ClassDef) for part in top.body):
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
                    yield {table for part in ast.walk(node.annotation) if (table := kind_of(code, each, part))}


def _package(unit: Unit) -> str:
    return ".".join(unit.name[0].split(".")[:2])


def _annotated(code: Code, unit: Unit, name: str) -> Iterator[set[str]]:
    """What the parameters of this name are said to be."""
    for top in unit.nodes:
        for node in ast.walk(top):
            if isinstance(node, ast.arg) and node.arg == name:
                said = ast.walk(node.annotation) if node.annotation else ()
                yield {table for each in said if (table := kind_of(code, unit, each))}


def text(code: Code, unit: Unit, node: ast.AST | None) -> str | None:
    """The text that an expression is, where it is always the same."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    found, rest = code.resolved(unit.name[0], node) if node is not None else (None, [])
    value = _value(found) if found in code.units and not rest else None
    return value if isinstance(value, str) else None


def folders(code: Code, unit: Unit, node: ast.AST | None, depth: int = DEPTH) -> set[str]:
    """The folders in which the files lie that an expression names; empty where the text does not tell all of them."""
    match node if depth else None:
        case ast.JoinedStr(values=[first, *_]):
            return folders(code, unit, first.value if isinstance(first, ast.FormattedValue) else first, depth)
        case ast.Constant(value=str(path)):
            return {path.partition("/")[0]}
        case ast.Name(id=name):
            assigned = _assigned(code, unit, name)
            known = {found} if (found := text(code, unit, node)) and not assigned else set()
            return known or _all(folders(code, unit, each, depth - 1) for each in assigned)
        case ast.Call(func=inner) | (ast.Attribute() as inner):
            return _returned(code, unit, inner, depth)
        case ast.GeneratorExp(elt=inner) | ast.ListComp(elt=inner):
            return folders(code, unit, inner, depth)
        case ast.Tuple(elts=some) | ast.List(elts=some):
            return _all(folders(code, unit, each, depth - 1) for each in some)
        case ast.IfExp(body=one, orelse=other):
            return _all(folders(code, unit, each, depth - 1) for each in (one, other))
    return set()


def _all(some: Iterable[set[str]]) -> set[str]:
    """All of them together; empty when one of them is, or there is none."""
    found = list(some)
    return set().union(*found) if all(found) else set()


def _assigned(code: Code, unit: Unit, name: str) -> list[ast.AST]:
    """What the unit gives to a name of its own."""
    found: list[ast.AST] = []
    for top in unit.nodes:
        for node in ast.walk(top):
            match node:
                case (
                    ast.Assign(targets=[target], value=value)
                    | ast.AnnAssign(target=target, value=ast.AST() as value)
                    | ast.NamedExpr(target=target, value=value)
                    | ast.For(target=target, iter=value)
                    | ast.comprehension(target=target, iter=value)
                ) if any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(target)):
                    found.append(value if isinstance(target, ast.Name) else _taken_apart(code, unit, target, value, name))
    return found


def _taken_apart(code: Code, unit: Unit, target: ast.AST, value: ast.AST, name: str) -> ast.AST:
    """What a name gets of what is taken apart: the answer to its own of two questions asked together. Of all else the text does
    not tell."""
    match target, value:
        case ast.Tuple(elts=names), ast.Call(func=func, args=asked) if code.resolved(unit.name[0], func)[0] == TOGETHER:
            for each, question in zip(names, asked, strict=True):
                if isinstance(each, ast.Name) and each.id == name and isinstance(question, ast.Lambda):
                    return question.body
    return ast.Constant(None)


def _returned(code: Code, unit: Unit, node: ast.AST, depth: int) -> set[str]:
    """The folders of what a function returns, or a property: that of a record of this capability where one has it."""
    found, rest = code.resolved(unit.name[0], node)
    some = [code.units[found]] if found in code.units and not rest else []
    if not some and isinstance(node, ast.Attribute):
        named = [
            each for each in code.units.values() if each.name[1].endswith(f".{node.attr}") and _package(each) == _package(unit)
        ]
        some = [each for each in named if _table(code, each.owner)] or named
    returned = [
        (each, part.value) for each in some for top in each.nodes for part in parts(top) if isinstance(part, ast.Return)
    ]
    return _all(folders(code, each, value, depth - 1) for each, value in returned)
