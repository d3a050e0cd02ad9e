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


def fits(schema: Mapping[str, Any], depth: int = 0) -> bool:
    """Whether Bedrock takes it, once it is closed."""
    if depth > DEEPEST or BOUNDS & schema.keys() or "$ref" in schema:
        return False
    if schema.get("minItems", 0) not in (0, 1):
        return False
    if is_object(schema) and ("properties" not in schema or schema.get("additionalProperties", False) is not False):
        return False
    return all(fits(inner, depth + 1) for inner in within(schema))


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
