"""The platform's own code as a graph: which part of it mentions which, so that what a process can reach follows from it.

A unit is a function, a method, a class, a module's variable, or the rest of a module. One reaches another when it mentions
its name, whether it calls it or not. Of a value whose class the text does not tell, a method is reached when its class is
reached and its name is mentioned; of a class that is made from another vendor's, any method. What is imported by a name that
is put together is any adapter of the capability, asked for what the unit mentions. So more is reached than any run would call.
"""

import ast
import gc
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PLACES: Final = (ROOT, ROOT / "platform")  # what Python finds packages under
PACKAGES: Final = ("apps", "foundation")
PORTS: Final = "foundation.adapters"
WITHOUT: Final = re.compile(r"foundation\.adapters\.|.*\.migrations\.|apps\.\w+\.apps$")  # ports' insides; what only declares
DIRECTORY: Final = (PORTS, "directory")  # the one port whose adapter stands on another port
CLIENTS: Final = ("foundation.adapters.aws.directory", "CognitoDirectory")
LOADERS: Final = frozenset({("importlib", "import_module"), ("importlib", "")})
REST: Final = "<rest>"
PATH: Final = re.compile(r"(?:apps|foundation)(?:\.\w+)+(?::\w+)?")

PLAIN: Final = frozenset(  # what calls no method of a class that is made from it, but for those with underscores
    ("Protocol", "Generic", "Enum", "StrEnum", "IntEnum", "Struct", "NamedTuple", "TypedDict", "Exception", "str", "int")
)

Name = tuple[str, str]  # a module, and a name in it: `Class.method` for a method, empty for the module itself
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(slots=True)
class Unit:
    """A part of the code: its nodes, what it mentions by name, and which attributes of values that it cannot tell."""

    name: Name
    nodes: list[ast.AST]
    mentions: set[Name] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    promises: set[Name] = field(default_factory=set)  # what only its annotations mention
    loads: bool = False  # whether it imports by a name that is put together

    @property
    def owner(self) -> Name:
        """The class of a method."""
        return self.name[0], self.name[1].rpartition(".")[0]


@dataclass(slots=True)
class Module:
    """A module: what its names stand for, in itself or imported."""

    name: str
    tree: ast.Module
    scope: dict[str, Name] = field(default_factory=dict)


@dataclass(frozen=True)
class Code:
    """All units by name; the methods of each class by their own name; the classes whose methods others may call."""

    modules: Mapping[str, Module]
    units: Mapping[Name, Unit]
    methods: Mapping[Name, Mapping[str, Name]]
    bases: dict[Name, tuple[Name, ...]] = field(default_factory=dict)
    foreign: set[Name] = field(default_factory=set)

    @cached_property
    def heirs(self) -> Mapping[Name, set[Name]]:
        """The classes that are made from each class."""
        found: dict[Name, set[Name]] = defaultdict(set)
        for name, bases in self.bases.items():
            for base in bases:
                found[base].add(name)
        return found

    def ancestors(self, name: Name) -> Iterator[Name]:
        """A class and all that it is made from."""
        yield name
        for base in self.bases.get(name, ()):
            yield from self.ancestors(base)

    def descendants(self, name: Name) -> Iterator[Name]:
        """All classes that are made from a class."""
        for heir in self.heirs.get(name, ()):
            yield heir
            yield from self.descendants(heir)

    def own(self, owner: Name, attribute: str) -> set[Name]:
        """The methods that `self.attribute` may be in a method of this class."""
        family = (*self.ancestors(owner), *self.descendants(owner))
        return {self.methods[each][attribute] for each in family if attribute in self.methods.get(each, {})}

    def is_called_from_outside(self, name: Name) -> bool:
        """Whether one that a class is made from is not ours, so that whoever made it may call any method."""
        return any(each in self.foreign for each in self.ancestors(name))

    def resolved(self, module: str, node: ast.AST) -> tuple[Name | None, list[str]]:
        """What a dotted name stands for, as far as the text tells, and the attributes that are left."""
        chain: list[str] = []
        while isinstance(node, ast.Attribute):
            chain.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None, chain
        found = self.modules[module].scope.get(node.id)
        if found is None:
            return None, [node.id, *chain]
        while chain:
            further = self._inside(found, chain[0])
            if further is None:
                break
            found, chain = further, chain[1:]
        return found, chain

    def _inside(self, found: Name, attribute: str) -> Name | None:
        module, name = found
        if found == DIRECTORY:
            return self.methods.get(CLIENTS, {}).get(attribute)
        if name:
            return self.methods.get(found, {}).get(attribute)
        if f"{module}.{attribute}" in self.modules:
            return f"{module}.{attribute}", ""
        if module in self.modules:
            return self.modules[module].scope.get(attribute)
        return (module, attribute) if module == PORTS else None


@cache
def code() -> Code:
    """The code as it is in the folder of this platform. It stays, so the collector is not to go through it again and again."""
    gc.disable()
    try:
        return _read()
    finally:
        gc.freeze()
        gc.enable()


def _read() -> Code:
    modules = {module.name: module for module in _modules()}
    for module in modules.values():
        _scope(module, modules)
    units, methods = dict[Name, Unit](), defaultdict[Name, dict[str, Name]](dict)
    for module in modules.values():
        for unit, owner in _units(module):
            kept = units.setdefault(unit.name, unit)
            if kept is not unit:
                kept.nodes += unit.nodes
            if owner is not None:
                methods[owner][unit.name[1].rpartition(".")[2]] = unit.name
    made = Code(modules, units, dict(methods))
    for unit in units.values():
        for node in (each for each in unit.nodes if isinstance(each, ast.ClassDef)):
            made.bases[unit.name] = tuple(_bases(made, unit.name, node))
    for unit in units.values():
        for node in unit.nodes:
            _look(made, unit, node, promised=False)
        if unit.loads:
            unit.mentions |= _loaded(made, unit)
    return made


def _modules() -> Iterator[Module]:
    for place in PLACES:
        for package in PACKAGES:
            for path in sorted((place / package).rglob("*.py")):
                name = ".".join(path.relative_to(place).with_suffix("").parts).removesuffix(".__init__")
                if not WITHOUT.match(name) or name == CLIENTS[0]:
                    yield Module(name, ast.parse(path.read_text()))


def _scope(module: Module, modules: Mapping[str, Module]) -> None:
    """What the module's names stand for: imports, wherever they are, and what it defines itself."""
    for node in _statements(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                module.scope[alias.asname or whole] = (whole, "")
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                module.scope[alias.asname or alias.name] = _imported(modules, node, alias)
    for node in module.tree.body:
        for name in _defined(node):
            module.scope[name] = (module.name, name)


def _imported(modules: Mapping[str, Module], node: ast.ImportFrom, alias: ast.alias) -> Name:
    """What `from module import name` stands for."""
    inner = f"{node.module}.{alias.name}"
    return (inner, "") if inner in modules else (str(node.module), alias.name)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements in a node, and what else holds statements."""
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        inner = getattr(node, part, ())
        for each in inner if isinstance(inner, list) else ():
            yield each
            yield from _statements(each)


def _defined(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name))
        case ast.If() | ast.Try() | ast.With() | ast.For():
            yield from (name for inner in ast.iter_child_nodes(node) if isinstance(inner, ast.stmt) for name in _defined(inner))


def _units(module: Module) -> Iterator[tuple[Unit, Name | None]]:
    """Each unit, and the class that it is a method of."""
    for node in module.tree.body:
        names = list(_defined(node))
        if isinstance(node, ast.ClassDef):
            yield Unit((module.name, node.name), [node]), None
            for inner in node.body:
                if isinstance(inner, Function):
                    yield Unit((module.name, f"{node.name}.{inner.name}"), [inner]), (module.name, node.name)
        elif names:
            for name in names:
                yield Unit((module.name, name), [node]), None
        elif not isinstance(node, ast.Import | ast.ImportFrom):
            yield Unit((module.name, REST), [node]), None


def parts(top: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a unit's node; those in the methods of a class are units of their own."""
    yield top
    for each in ast.iter_child_nodes(top):
        if not _is_method(top, each):
            yield from ast.walk(each)


def _is_method(node: ast.AST, inner: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef) and isinstance(inner, Function)


def _look(code: Code, unit: Unit, node: ast.AST, *, promised: bool) -> None:
    """Note what a node of a unit mentions; `promised`: it is in an annotation."""
    if isinstance(node, ast.Name | ast.Attribute):
        found, rest = code.resolved(unit.name[0], node)
        if found is not None:
            (unit.promises if promised else unit.mentions).add(found)
        if not promised:
            own = code.own(unit.owner, rest[1]) if len(rest) > 1 and rest[0] in ("self", "cls") else set()
            unit.mentions |= own
            unit.attributes.update(rest[2:] if own else rest)
            unit.loads |= found in LOADERS
        if _root(node) is not None:
            return
    elif isinstance(node, ast.ImportFrom):  # inside a function, of which the module may have a namesake
        unit.mentions.update(_imported(code.modules, node, alias) for alias in node.names)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and PATH.fullmatch(node.value):
        unit.mentions.update(_named(code, node.value))
    for name, value in ast.iter_fields(node):
        annotation = name in ("annotation", "returns") and not isinstance(node, ast.AnnAssign)
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, ast.AST) and not (node in unit.nodes and _is_method(node, inner)):
                _look(code, unit, inner, promised=promised or annotation)


def _root(node: ast.AST) -> str | None:
    """The name with which a dotted name begins; None where something else does."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _loaded(code: Code, unit: Unit) -> set[Name]:
    """What a unit can ask for of what it imports: of each adapter of its own capability, what the unit mentions by name."""
    package = ".".join(unit.name[0].split(".")[:2])
    return {name for name in code.units if name[0].startswith(f"{package}.adapters.") and name[1] in unit.attributes}


def _named(code: Code, path: str) -> Iterator[Name]:
    """What a text such as `apps.portal.backend.AdministratorBackend` or `apps.usage.services:start` names."""
    module, _, name = path.replace(":", ".").rpartition(".")
    if module in code.modules and name in code.modules[module].scope:
        yield code.modules[module].scope[name]


def _bases(code: Code, name: Name, node: ast.ClassDef) -> Iterator[Name]:
    """The classes of ours that a class is made from; one of others is noted."""
    for base in node.bases:
        bare = base.value if isinstance(base, ast.Subscript) else base
        found, _ = code.resolved(name[0], bare)
        if found is not None and found in code.units:
            yield found
        elif (bare.attr if isinstance(bare, ast.Attribute) else getattr(bare, "id", "")) not in PLAIN:
            code.foreign.add(name)
