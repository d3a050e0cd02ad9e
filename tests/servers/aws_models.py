"""What AWS refuses of a request and moto lets pass: each is held against botocore's own model of its service."""

import io
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import botocore.session
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator


class Refused(Exception):
    """What a service answers with 400 and this code."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.code = code

    def answered(self, start: Any) -> Iterable[bytes]:
        """The answer itself."""
        return answered(start, 400, {"__type": self.code, "message": str(self)})


def model(service: str) -> ServiceModel:
    """botocore's model of a service."""
    return botocore.session.get_session().get_service_model(service)


def checked(service: ServiceModel, operation: str, sent: bytes) -> Any:
    """The parameters of a request; Refused when the model does not have them so, pattern and length included."""
    shape = service.operation_model(operation).input_shape
    asked = json.loads(sent)
    report = ParamValidator().validate(asked, shape)
    problems = [report.generate_report()] if report.has_errors() else list(misfits(shape, asked, ""))
    if problems:
        raise Refused("InvalidParameterException", "; ".join(problems))
    return asked


def misfits(shape: Any, value: Any, where: str) -> Iterable[str]:
    """Where a value breaks a pattern, a length or a list of choices, which botocore itself does not check."""
    if shape.type_name == "structure":
        for name, inner in value.items():
            if name not in shape.members:
                yield f"{where}.{name} is unknown"
            else:
                yield from misfits(shape.members[name], inner, f"{where}.{name}")
    elif shape.type_name == "list":
        for inner in value:
            yield from misfits(shape.member, inner, where)
    elif shape.type_name == "string" and not fits(shape, value):
        yield f"{where} ({value!r}) is not {dict(shape.metadata)}"


def fits(shape: Shape, value: str) -> bool:
    """Whether a text is as its shape says."""
    rule = shape.metadata
    pattern = re.sub(r"\\p\{\w\}", r"\\S", rule.get("pattern", ".*"))
    return (
        rule.get("min", 0) <= len(value) <= rule.get("max", 10**6)
        and re.fullmatch(pattern, value, re.DOTALL) is not None
        and value in (rule.get("enum") or [value])
    )


def body(environ: Mapping[str, Any]) -> bytes:
    """The body of a request, left there to be read again."""
    content: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(content)  # type: ignore[index]
    return content


def answered(start: Any, status: int, content: Mapping[str, Any]) -> Iterable[bytes]:
    """A JSON answer."""
    start(f"{status} {'OK' if status == 200 else 'Bad Request'}", [("Content-Type", "application/json")])
    return [json.dumps(content).encode()]
