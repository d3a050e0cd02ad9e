"""What a caller says for the account beside the request itself: labels, a prompt's name and version, a trace."""

import re
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from apps.invocation.invocations import Request
from foundation.errors import InvalidValue

MOST: Final = 16  # labels, and how long their names and values may be: as OpenAI has its metadata
LONGEST_NAME: Final = 64
LONGEST_VALUE: Final = 512
LABELS: Final = "x-labels"
PROMPT: Final = "x-prompt"
TRACE: Final = "traceparent"
TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


def checked(labels: Mapping[str, str], param: str) -> Mapping[str, str]:
    """The labels as they are; InvalidValue names `param`, where they stood, and the label that cannot be one."""
    if len(labels) > MOST:
        raise InvalidValue(f"{param} holds {len(labels)} labels; it may hold {MOST}", param=param)
    for name, value in labels.items():
        if not (0 < len(name) <= LONGEST_NAME and name.isprintable() and len(value) <= LONGEST_VALUE and value.isprintable()):
            raise InvalidValue(
                f"{param}: the label {name[:LONGEST_NAME]!r} must have a name of 1 to {LONGEST_NAME} characters and a value "
                f"of at most {LONGEST_VALUE}, without control characters",
                param=param,
            )
    return labels


def labelled(request: Request, headers: Mapping[str, str]) -> Request:
    """The request with the labels of `x-labels: team=search,stage=test` beside its own, and the prompt of
    `x-prompt: name@version`. InvalidValue names the header that does not have its form."""
    if LABELS in headers:
        request = replace(request, labels=checked({**request.labels, **read(headers[LABELS])}, LABELS))
    if PROMPT in headers:
        request = replace(request, prompt=prompt(headers[PROMPT]))
    return request


def trace(headers: Mapping[str, str]) -> str:
    """The `traceparent`, or nothing where it does not have its form (W3C Trace Context: then a new trace begins)."""
    given = headers.get(TRACE, "")
    return given if given and TRACEPARENT.fullmatch(given) else ""


def read(text: str) -> Mapping[str, str]:
    """The labels in a header's text."""
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    wrong = [name.strip() for name, equals, _ in pairs if not equals]
    if wrong:
        raise InvalidValue(f"{LABELS} must be like team=search,stage=test; {wrong[0][:100]!r} has no =", param=LABELS)
    return {name.strip(): value.strip() for name, _, value in pairs}


def prompt(text: str) -> tuple[str, int]:
    """A prompt's name and version."""
    name, _, version = text.strip().rpartition("@")
    if not (0 < len(name) <= 300 and name.isprintable() and version.isascii() and version.isdigit() and len(version) < 10):
        raise InvalidValue(f"{PROMPT} must be like greeting@3: a prompt's name and the number of its version", param=PROMPT)
    return name, int(version)
