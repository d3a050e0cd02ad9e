"""What roles are derived from: which uses of the ports the code of a process can come to."""

import ast
from collections.abc import Iterator

import pytest

from deploy.cloudformation.code import PORTS, Name, code, parts
from deploy.cloudformation.grants import grants
from deploy.cloudformation.reach import asked, uses_of
from deploy.cloudformation.uses import ANY, SHARED, UPDATE, VERBS, Use
from foundation.ports import Files, Queues, Secrets
from foundation.records import Records
from tests.deploy.reading import PLATFORM
from tests.watched import NOT_ON_AWS, callers

PROCESSES = {process.name: process for process in PLATFORM.processes}
DECLARED = {kind.kind.table for kind in PLATFORM.records}
HANDED_ON = {*VERBS, "directory", ""}  # what may not be: a port whose verbs need grants, one that stands on them, all of them


def verbs(process: str, on: str) -> set[str]:
    """What a process may ask for of one thing."""
    return {use.verb for use in asked(PLATFORM, PROCESSES[process]) if use.on == on}


@pytest.mark.parametrize(
    ("process", "on", "wanted"),
    [
        ("chunking", "chunking_files", {"get", "query"}),
        ("chunking-worker", "chunking_files", {"get", "query", "update"}),
        ("chunking-worker", "extraction_files", {"get", "query"}),
        ("extraction-worker", "documents", {"find", "open", "sealed"}),
        ("vectors-worker", "chunks", {"read"}),
        ("vectors-worker", "vector_stores", {"get"}),
        ("extraction", "extraction_waiting", set()),
        ("extraction", "extraction_lines", {"get"}),
        ("prompts", "prompt_versions", {"get", "query"}),
        ("batches-worker", "sessions", set()),
    ],
)
def test_a_process_asks_for_what_its_own_code_asks_for(process: str, on: str, wanted: set[str]) -> None:
    assert verbs(process, on) == wanted


def test_who_needs_the_cache_is_who_counts_or_limits_and_no_other() -> None:
    wanted = {name for name, process in PROCESSES.items() if any(use.port in SHARED for use in asked(PLATFORM, process))}
    assert {"invocation", "extraction-worker", "operations"} <= wanted  # the worker waits for its turn at Textract
    assert wanted.isdisjoint({"chunking", "chunking-worker", "prompts"})


def test_what_is_asked_for_is_declared_by_a_manifest_that_the_process_needs() -> None:
    for process in PLATFORM.processes:
        needed = PLATFORM.needed(process)
        own = {kind.kind.table for kind in PLATFORM.records_of(needed)}
        queues = {queue.name for each in needed for queue in each.manifest.queues}
        folders = {folder.name for folder in PLATFORM.folders} & {f.name for each in needed for f in each.manifest.files}
        here = [(use, units) for use, units in asked(PLATFORM, process).items() if not all(map(is_elsewhere, units))]
        for use, _ in here:
            known = {"records": own, "queues": queues, "files": {*folders, "uploads"}, "secrets": {use.on}}.get(use.port, {""})
            assert use.on in {*known, ANY}, (process.name, use)


def is_elsewhere(unit: Name) -> bool:
    """Whether a unit is of a capability that AWS does not have."""
    return unit[0].startswith(NOT_ON_AWS)


def test_the_functions_that_an_action_names_are_there() -> None:
    named = {(action, name) for action, by in callers().items() for name in by}
    assert [each for each in sorted(named) if each[1] not in code().units] == []


def test_each_action_that_a_manifest_declares_is_granted_to_somebody() -> None:
    declared = {(action.name, action.resource) for each in PLATFORM.capabilities for action in each.manifest.actions}
    given = {(grant.action, grant.resource) for process in PLATFORM.processes for grant in grants(PLATFORM, process)}
    assert declared <= given


@pytest.mark.parametrize(
    ("action", "processes"),
    [
        ("aoss:APIAccessAll", {"vectors", "vectors-worker", "operations"}),
        ("textract:StartDocumentAnalysis", {"extraction-worker"}),
        ("bedrock:ListFoundationModels", {"operations"}),
        ("cognito-idp:CreateUserPoolClient", {"portal", "operations"}),
    ],
)
def test_an_action_is_granted_where_the_code_that_calls_it_can_be_come_to(action: str, processes: set[str]) -> None:
    given = {process.name for process in PLATFORM.processes for each in grants(PLATFORM, process) if each.action == action}
    assert given == processes


def test_there_are_few_uses_of_which_the_text_does_not_tell_on_what() -> None:
    open_ones = {name for name in code().units for use in uses_of(name) if use.on == ANY and use.port != "secrets"}
    assert len(open_ones) < 20, sorted(open_ones)


def mentions_of_ports() -> Iterator[tuple[Name, ast.AST]]:
    """Each mention of a port that is not followed by one of its verbs."""
    made = code()
    for name, unit in made.units.items():
        if name[0] == PORTS:
            continue
        nodes = [node for top in unit.nodes for node in parts(top)]
        followed = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
        first = {
            id(node.args[0])
            for node in nodes
            if isinstance(node, ast.Call) and node.args and made.resolved(name[0], node.func)[0] == UPDATE
        }
        for node in nodes:
            if isinstance(node, ast.Name | ast.Attribute) and id(node) not in followed | first:
                found, rest = made.resolved(name[0], node)
                seen = found is not None and {*rest[:1]} & VERBS.get(found[1], frozenset())
                if found is not None and found[0] == PORTS and found[1] in HANDED_ON and not seen:
                    yield name, node


def test_every_verb_of_a_port_is_known() -> None:
    ports = {"records": Records, "files": Files, "queues": Queues, "secrets": Secrets}
    assert {name: {verb for verb in vars(port) if not verb.startswith("_")} for name, port in ports.items()} == VERBS


def test_no_port_is_handed_on_as_its_verbs_would_not_be_seen() -> None:
    assert [name for name, _ in mentions_of_ports()] == []


def test_nothing_is_called_by_a_name_that_is_put_together() -> None:
    found = [
        name
        for name, unit in code().units.items()
        for top in unit.nodes
        for node in parts(top)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Call) and getattr(node.func.func, "id", "") == "getattr"
    ]
    assert found == []


def test_a_repeat_finds_the_same() -> None:
    uses: dict[Use, frozenset[Name]] = dict(asked(PLATFORM, PLATFORM.operations))
    asked.cache_clear()
    assert dict(asked(PLATFORM, PLATFORM.operations)) == uses
