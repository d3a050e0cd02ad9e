"""Bedrock's own service model, as botocore carries it, as judge over bodies: what a client sends and what a server answers."""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import OperationModel, Shape
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator

WHERE: dict[str, str] = {"Converse": "converse", "ConverseStream": "converse-stream", "InvokeModel": "invoke"}


@cache
def operation(name: str) -> OperationModel:
    """An operation of bedrock-runtime."""
    return botocore.session.get_session().get_service_model("bedrock-runtime").operation_model(name)


def wrong(name: str, body: Mapping[str, Any], side: str = "input") -> list[str]:
    """What is wrong with a JSON body, each with its path; nothing when the service model allows it."""
    shape = operation(name).input_shape if side == "input" else operation(name).output_shape
    members = {key for key, member in shape.members.items() if "location" not in member.serialization}
    return list(faults(shape, dict(body), "", members))


def faults(shape: Shape, value: Any, path: str, members: set[str] | None = None) -> Iterator[str]:
    """Every departure of a JSON value from a shape: types, members, unions, enumerations, patterns, lengths and bounds."""
    kinds: Mapping[str, Any] = {
        "structure": dict,
        "map": dict,
        "list": list,
        "string": str,
        "blob": str,
        "boolean": bool,
        "integer": int,
        "long": int,
        "float": int | float,
        "double": int | float,
    }
    if getattr(shape, "is_document_type", False):
        return
    if not isinstance(value, kinds[shape.type_name]) or (isinstance(value, bool) and shape.type_name != "boolean"):
        yield f"{path}: {value!r} is no {shape.type_name}"
    elif shape.type_name == "structure":
        yield from of_structure(shape, value, path, members)
    elif shape.type_name == "list":
        yield from bounds(shape, len(value), path)
        for place, each in enumerate(value):
            yield from faults(shape.member, each, f"{path}[{place}]")
    elif shape.type_name == "map":
        yield from bounds(shape, len(value), path)
        for key, each in value.items():
            yield from faults(shape.key, key, f"{path}.{key}(key)")
            yield from faults(shape.value, each, f"{path}.{key}")
    elif shape.type_name == "blob":
        yield from of_blob(shape, value, path)
    elif shape.type_name == "string":
        yield from of_string(shape, value, path)
    elif shape.type_name != "boolean":
        yield from bounds(shape, value, path)


def of_structure(shape: Shape, value: Mapping[str, Any], path: str, members: set[str] | None) -> Iterator[str]:
    allowed = set(shape.members) if members is None else members
    for name in value.keys() - allowed:
        yield f"{path}: there is no member {name}"
    for name in shape.required_members:
        if name in allowed and name not in value:
            yield f"{path}: {name} is missing"
    if shape.is_tagged_union and len(value) != 1:
        yield f"{path}: one of {', '.join(shape.members)} is wanted, not {', '.join(value) or 'none'}"
    for name in value.keys() & allowed:
        yield from faults(shape.members[name], value[name], f"{path}.{name}")


def of_blob(shape: Shape, value: str, path: str) -> Iterator[str]:
    try:
        yield from bounds(shape, len(base64.b64decode(value, validate=True)), path)
    except binascii.Error:
        yield f"{path}: no base64"


def of_string(shape: Shape, value: str, path: str) -> Iterator[str]:
    yield from bounds(shape, len(value), path)
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        yield f"{path}: {value!r} does not match {pattern}"
    if shape.enum and value not in shape.enum:
        yield f"{path}: {value!r} is none of {', '.join(shape.enum)}"


def bounds(shape: Shape, size: float, path: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and size < low) or (high is not None and size > high):
        yield f"{path}: {size} is not {low} to {high}"


def parameters(name: str, model: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters of botocore's client that have this body: bytes for base64."""
    return {"modelId": model, **told(operation(name).input_shape, body)}


def told(shape: Shape, value: Any) -> Any:
    """A JSON value as botocore's parameters have it."""
    if getattr(shape, "is_document_type", False):
        return value
    if shape.type_name == "structure":
        return {name: told(shape.members[name], each) for name, each in value.items()}
    if shape.type_name == "list":
        return [told(shape.member, each) for each in value]
    if shape.type_name == "map":
        return {key: told(shape.value, each) for key, each in value.items()}
    return base64.b64decode(value) if shape.type_name == "blob" else value


def judged(name: str, model: str, body: Mapping[str, Any]) -> tuple[str, Any]:
    """The path and the JSON body that botocore itself makes of the same parameters; fails where it does not accept them."""
    wanted = parameters(name, model, body)
    report = ParamValidator().validate(wanted, operation(name).input_shape)
    assert not report.has_errors(), report.generate_report()
    made = create_serializer("rest-json").serialize_to_request(dict(wanted), operation(name))
    return made["url_path"], json.loads(made["body"] or b"{}")
