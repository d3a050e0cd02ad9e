"""What a process asks of the ports, found in its code: all that can be reached from what the process begins with."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from deploy.cloudformation.code import REST, Code, Name, code
from deploy.cloudformation.house import Platform, Process
from deploy.cloudformation.uses import Use, text, uses

SERVES: Final = (
    "foundation.settings",
    "foundation.configuration",
    "foundation.sessions",
    "foundation.urls",
    "foundation.asgi",
    "foundation.management.commands.web",
)
WORKS: Final = ("foundation.celery", "foundation.management.commands.worker", "foundation.management.commands.alive")
COMMANDS: Final = ".management.commands."


@cache
def asked(platform: Platform, process: Process) -> Mapping[Use, frozenset[Name]]:
    """Each use of a port that the process can come to, with the units that have it."""
    asked: dict[Use, set[Name]] = defaultdict(set)
    for name in units(platform, process):
        for use in uses_of(name):
            asked[use].add(name)
    return {use: frozenset(names) for use, names in asked.items()}


@cache
def units(platform: Platform, process: Process) -> frozenset[Name]:
    """Every unit that the process can come to."""
    return reached(code(), frozenset(begins(code(), platform, process)))


@cache
def uses_of(name: Name) -> tuple[Use, ...]:
    """The uses of one unit."""
    return tuple(uses(code(), code().units[name]))


def begins(made: Code, platform: Platform, process: Process) -> Iterator[Name]:
    """What a process begins with: its command, what its manifests name, and what answers its requests or messages."""
    for each in platform.needed(process):
        yield from _named(each.manifest.starts, each.manifest.django, each.manifest.metrics)
        if process.capability is None:
            yield from _named(each.manifest.prepare, each.manifest.checks, each.manifest.before)
    if process.capability is None:
        yield from (name for name in made.units if COMMANDS in name[0])
    elif process.queue is None:
        yield from _units(made, *SERVES, f"{process.capability.name}.urls")
        yield from _named(process.capability.manifest.hot)
    else:
        yield from _units(made, *WORKS)
        yield from _tasks(made, f"{process.capability.name}.tasks", process.queue.name)


def _units(made: Code, *modules: str) -> Iterator[Name]:
    return (name for name in made.units if name[0] in modules)


def _named(*references: str | None) -> Iterator[Name]:
    for each in references:
        if each:
            module, _, name = each.partition(":")
            yield module, name


def _tasks(made: Code, module: str, queue: str) -> Iterator[Name]:
    """The functions that answer the messages of a queue."""
    for name in _units(made, module):
        unit = made.units[name]
        for decorator in (each for node in unit.nodes for each in getattr(node, "decorator_list", ())):
            if any(each.arg == "queue" and text(made, unit, each.value) == queue for each in decorator.keywords):
                yield name


def reached(made: Code, begin: frozenset[Name]) -> frozenset[Name]:
    """All units that can be reached from some."""
    found, live, attributes = set[Name](), set[tuple[Name, bool]](), set[str]()
    unmentioned: dict[str, set[Name]] = defaultdict(set)  # methods of reached classes
    waiting = [*begin]
    while waiting:
        name = waiting.pop()
        if name in found or name not in made.units:
            continue
        unit = made.units[name]
        found.add(name)
        waiting += [*unit.mentions, (name[0], REST), *(made.units[unit.owner].mentions if unit.owner in made.units else ())]
        for attribute in unit.attributes - attributes:
            attributes.add(attribute)
            waiting += unmentioned.pop(attribute, ())
        for each in made.ancestors(name) if name in made.methods or name in made.bases else ():
            outside = made.is_called_from_outside(name)
            if (each, outside) not in live:
                live.add((each, outside))
                for attribute, own in made.methods.get(each, {}).items():
                    if outside or attribute in attributes or attribute.startswith("__"):
                        waiting.append(own)
                    else:
                        unmentioned[attribute].add(own)
    return frozenset(found)
