"""Requests to Bedrock, and the bodies made of them, held against botocore's service model and what botocore would send."""

import base64
import json
from typing import Any

from apps.invocation.adapters.bedrock.requests import asked
from apps.invocation.adapters.bedrock.wire import path
from apps.invocation.invocations import Message, Request, Role, Text, Tool
from tests.upstream.bedrock_model import judged, wrong
from tests.upstream.bedrock_server import check

SONNET, NOVA, LLAMA = (
    "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "eu.amazon.nova-pro-v1:0",
    "meta.llama3-1-70b-instruct-v1:0",
)
NEWEST, OPUS_4_8 = "global.anthropic.claude-opus-5-5", "us.anthropic.claude-opus-4-8"
PNG = base64.b64encode(b"\x89PNG a picture").decode()
PDF = base64.b64encode(b"%PDF-1.7 a document").decode()
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("weather", "The weather in a city.", CITY)


def user(*parts: Any) -> Message:
    return Message(Role.USER, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def assistant(*parts: Any) -> Message:
    return Message(Role.ASSISTANT, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def request(model: str = SONNET, *messages: Message, **more: Any) -> Request:
    return Request(model, messages or (user("Hi"),), **more)


def body(wanted: Request) -> Any:
    """The JSON that is sent; fails where botocore's service model, botocore itself or Bedrock would not have it so."""
    sent = json.loads(asked(wanted).encoded)
    for operation, action in (("Converse", "converse"), ("ConverseStream", "converse-stream")):
        assert wrong(operation, sent) == []
        check(operation, sent)
        assert judged(operation, wanted.model, sent) == (f"/{path(wanted.model, action)}", sent)
    return sent


def extra(wanted: Request) -> Any:
    return body(wanted).get("additionalModelRequestFields")


def blocks(wanted: Request, turn: int = 0) -> Any:
    return body(wanted)["messages"][turn]["content"]
