"""The hot routes in the OpenAPI document, which drf-spectacular does not know."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from foundation.errors import (
    Forbidden,
    Invalid,
    NotFound,
    OverBudget,
    Problem,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
    UnknownModel,
    Unprocessable,
    UpstreamFailed,
    UpstreamTimeout,
)
from foundation.hot import Route
from foundation.manifest import Capability, load
from foundation.openapi_parts import ALTERNATIVES, COMPONENT, STATUSES, TEXT, header
from foundation.settings import HOUSE

PROBLEMS: Final[tuple[Problem, ...]] = (
    Invalid(""),
    Unauthenticated(""),
    OverBudget(""),
    Forbidden(""),
    NotFound(""),
    UnknownModel(""),
    TooLarge(""),
    Unprocessable(()),
    TooMany(""),
    Problem(""),
    UpstreamFailed(""),
    Unavailable(""),
    UpstreamTimeout(""),
)
EVENT_STREAM: Final = "text/event-stream"


def add_hot_routes(result: Mapping[str, Any], generator: Any, request: Any, public: bool) -> Mapping[str, Any]:
    """Put the hot routes and their shapes into drf-spectacular's document, which knows Django's views only."""
    routes: list[tuple[type[Capability], Route]] = [
        (capability, route) for capability in HOUSE.told if capability.manifest.hot for route in load(capability.manifest.hot)
    ]
    shapes = {shape for _, route in routes for shape in shapes_of(route)}
    ordered = sorted(shapes, key=lambda shape: (shape.__module__, shape.__name__))
    references, components = msgspec.json.schema_components(ordered, ref_template=COMPONENT)
    schemas = dict(zip(ordered, references, strict=True))
    document = dict(result)
    document.setdefault("components", {}).setdefault("schemas", {}).update(components)
    document["paths"] = {**document.get("paths", {}), **{r.path: {"post": operation(c, r, schemas)} for c, r in routes}}
    return document


def shapes_of(route: Route) -> Sequence[type[Struct]]:
    """The shapes that a hot route is described by."""
    return [route.request, route.response, *([route.refusal] if route.refusal is not None else [])]


def operation(capability: type[Capability], route: Route, schemas: Mapping[type[Struct], Any]) -> Mapping[str, Any]:
    """A hot route as an OpenAPI operation; schemas: for each shape, where its schema is."""
    good = {"application/json": {"schema": schemas[route.response]}}
    stream = {EVENT_STREAM: {"schema": {"type": "string", "description": "Server-sent events."}}} if route.streams else {}
    told = {name: header(name, text) for name, text in route.tells.items()}
    return {
        "operationId": f"{route.path.strip('/').replace('/', '_')}_post",
        "summary": route.summary,
        "tags": [capability.manifest.title],
        "security": [{scheme: []} for scheme in ALTERNATIVES["bearer"]],
        "parameters": [
            {"in": "header", "name": name, "description": text, "schema": TEXT} for name, text in route.takes.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schemas[route.request]}}},
        "responses": {
            "200": {"description": "Done.", "content": {**good, **stream}, "headers": told},
            **refusals(route, schemas, told),
        },
    }


def refusals(route: Route, schemas: Mapping[type[Struct], Any], told: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a hot route answers when it does not do what was asked: the statuses and the shape of its own dialect, with what is
    known by then of what an answer tells."""
    said: dict[str, Any] = {}
    for problem in PROBLEMS:
        status = str(route.failure(problem)[0])
        own = "Issues" if isinstance(problem, Unprocessable) else "Failure"
        schema = {"$ref": COMPONENT.format(name=own)} if route.refusal is None else schemas[route.refusal]
        content = {"application/json": {"schema": schema}}
        said.setdefault(status, {"description": STATUSES[problem.status], "content": content, "headers": told})
    return dict(sorted(said.items()))
