"""What applications may ask: each operation of the OpenAPI document that is not for browsers, and how the edge treats it."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from deploy.cloudformation.house import Platform
from deploy.cloudformation.parts.routes import browsers, patterns
from foundation.manifest import Capability, load
from foundation.openapi import described

METHODS: Final = ("DELETE", "GET", "PATCH", "POST", "PUT")
JSON: Final = "application/json"
HEALTH, META = "/service/health", "/service/meta"  # the second is the document's own part, which the document does not list


@dataclass(frozen=True, slots=True, order=True)
class Operation:
    """One method at one path. token: the edge asks for an access token with the scope, before the service does so again.

    slow: its answer may be a stream, or come late, because a model makes it, or be a whole file.
    """

    path: str
    method: str
    token: bool
    slow: bool


def operations(platform: Platform) -> tuple[Operation, ...]:
    """All of them, in an order that does not change. ValueError: this process knows but a part of the document."""
    known: dict[str, dict[str, Any]] = described()["paths"]
    reach = {pattern: each for each in platform.capabilities for pattern in patterns(each.manifest)}
    for pattern in browsers(platform):
        del reach[pattern]
    found = sorted(each for path, methods in known.items() for each in _at(path, methods, reach))
    missing = {each.name for each in reach.values()} - {_owner(each.path, reach).name for each in found}
    if missing:
        raise ValueError(f"this process does not serve {', '.join(sorted(missing))}; templates are made with SERVE=all")
    return tuple(found)


def _at(path: str, methods: dict[str, Any], reach: dict[str, type[Capability]]) -> Iterator[Operation]:
    if not any(fnmatchcase(path, pattern) for pattern in reach):
        return
    manifest = _owner(path, reach).manifest
    hot = {route.path for route in load(manifest.hot)} if manifest.hot else set()
    keys = any(path.startswith(f"/{prefix}/") for prefix in manifest.keys)
    for name in METHODS:
        said = methods.get(name.lower())
        if said is not None:
            yield Operation(path, name, bool(said.get("security")) and not keys, path in hot or _is_file(said))
    if path.endswith(HEALTH):
        yield Operation(path.removesuffix(HEALTH) + META, "GET", False, False)


def _is_file(said: dict[str, Any]) -> bool:
    """Whether a good answer is a file."""
    return any(kind != JSON for kind in said["responses"].get("200", {}).get("content", {}))


def _owner(path: str, reach: dict[str, type[Capability]]) -> type[Capability]:
    (owner,) = {each for pattern, each in reach.items() if fnmatchcase(path, pattern)}
    return owner
