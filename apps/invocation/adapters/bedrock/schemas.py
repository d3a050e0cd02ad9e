"""Which JSON schemas Bedrock can hold an answer to, and the form in which it wants them.

docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html (read 2026-11): objects are closed, numbers and lists have
no bounds, and nothing refers to itself. A schema beyond that is honoured by a tool that the model has to use instead.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

BOUNDS: Final = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "maxItems"})
NAMED: Final = ("properties", "$defs", "definitions")
LISTED: Final = ("anyOf", "allOf", "oneOf", "prefixItems")
DEEPEST: Final = 20


def fits(schema: Mapping[str, Any]) -> bool:
    """Whether Bedrock takes it, once it is closed."""
    return _fits(schema, schema, frozenset(), 0)


def _fits(schema: Mapping[str, Any], root: Mapping[str, Any], inside: frozenset[str], depth: int) -> bool:
    """The same for a part of it, which lies inside what these references name."""
    if depth > DEEPEST or BOUNDS & schema.keys() or schema.get("minItems", 0) not in (0, 1):
        return False
    if "$ref" in schema:
        name = schema["$ref"]
        found = named(root, name)
        return name not in inside and found is not None and _fits(found, root, inside | {name}, depth + 1)
    if is_object(schema) and ("properties" not in schema or schema.get("additionalProperties", False) is not False):
        return False
    return all(_fits(inner, root, inside, depth + 1) for inner in within(schema))


def named(root: Mapping[str, Any], reference: Any) -> Mapping[str, Any] | None:
    """The definition that a reference names, if it is one of the schema's own."""
    steps = reference.split("/") if isinstance(reference, str) else []
    if len(steps) != 3 or steps[0] != "#" or steps[1] not in ("$defs", "definitions"):
        return None
    found = (root.get(steps[1]) or {}).get(steps[2])
    return found if isinstance(found, dict) else None


def closed(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same schema, in which objects have no members but those that they name."""
    made = {name: value for name, value in schema.items() if name not in ("$schema", "title")}
    for name in NAMED:
        if isinstance(made.get(name), dict):
            made[name] = {key: closed(inner) if isinstance(inner, dict) else inner for key, inner in made[name].items()}
    for name in LISTED:
        if isinstance(made.get(name), list):
            made[name] = [closed(inner) if isinstance(inner, dict) else inner for inner in made[name]]
    if isinstance(made.get("items"), dict):
        made["items"] = closed(made["items"])
    if is_object(made):
        made["additionalProperties"] = False
    return made


def is_object(schema: Mapping[str, Any]) -> bool:
    """Whether it describes objects."""
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind)


def within(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The schemas directly inside a schema."""
    groups = [schema[name].values() for name in NAMED if isinstance(schema.get(name), dict)]
    groups += [schema[name] for name in LISTED if isinstance(schema.get(name), list)]
    groups.append([schema.get("items")])
    for group in groups:
        yield from (inner for inner in group if isinstance(inner, dict))
