"""What model servers say on the wire, right and wrong, each in its own form."""

import binascii
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote

JSON = "application/json"
READ, WRITTEN = 11, 7  # the tokens that every good answer counts


@dataclass(frozen=True)
class Refusal:
    """A status with a body, and headers beside it."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    content_type: str = JSON


class Wire(Protocol):
    """One provider's form. `provider` is its adapter's name, `key` the name of the secret that it wants, `suffix` the end of
    its base URL, `stream` the type of a stream, `usage` what it says of its tokens."""

    provider: str
    key: str
    suffix: str
    stream: str
    usage: Any

    def asked(self, path: str, body: Any) -> tuple[str, bool]:
        """The model that is asked, and whether for a stream."""

    def refusal(self, kind: str) -> Refusal:
        """How it says that it will not: `limited`, `failed`, `overloaded`, `too_long`, `filtered`, `unknown`, `denied`."""

    def whole(self, pieces: Sequence[str], *, counted: bool = True, reason: str = "end") -> bytes:
        """A whole answer. reason: `end` or `filtered`."""

    def opening(self) -> bytes:
        """What a stream begins with, before the first word."""

    def piece(self, text: str) -> bytes:
        """Some words of a stream."""

    def ending(self, *, counted: bool = True, reason: str = "end") -> bytes:
        """The end of a stream that ended well."""

    def failure(self) -> bytes:
        """An error in the middle of a stream."""

    def empty(self) -> bytes:
        """A whole answer that holds none."""


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


class OpenAI:
    """github.com/openai/openai-openapi; errors: platform.openai.com/docs/guides/error-codes, the filter's as Azure has it."""

    provider, key, suffix, stream = "openai_compatible", "", "/v1", "text/event-stream"
    reasons: Mapping[str, str] = {"end": "stop", "filtered": "content_filter"}
    usage: Any = {"prompt_tokens": READ, "completion_tokens": WRITTEN, "total_tokens": READ + WRITTEN}
    refusals: Mapping[str, tuple[int, str, str]] = {
        "limited": (429, "Rate limit reached for requests", "rate_limit_exceeded"),
        "failed": (500, "The server had an error while processing your request", "server_error"),
        "overloaded": (503, "The engine is currently overloaded, please try again later", "overloaded"),
        "too_long": (400, "This model's maximum context length is 8192 tokens.", "context_length_exceeded"),
        "filtered": (400, "The prompt triggered the content management policy", "content_filter"),
        "unknown": (404, "The model does not exist or you do not have access to it.", "model_not_found"),
        "denied": (401, "Incorrect API key provided", "invalid_api_key"),
    }

    def asked(self, path: str, body: Any) -> tuple[str, bool]:
        return body["model"], bool(body.get("stream"))

    def refusal(self, kind: str) -> Refusal:
        status, message, code = self.refusals[kind]
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        return Refusal(status, encoded({"error": error}), {})

    def whole(self, pieces: Sequence[str], *, counted: bool = True, reason: str = "end") -> bytes:
        message = {"role": "assistant", "content": "".join(pieces)}
        choice = {"index": 0, "message": message, "finish_reason": self.reasons[reason]}
        return encoded({"object": "chat.completion", "choices": [choice], **({"usage": self.usage} if counted else {})})

    def opening(self) -> bytes:
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, text: str) -> bytes:
        return self._chunk({"content": text})

    def ending(self, *, counted: bool = True, reason: str = "end") -> bytes:
        usage = b"data: " + encoded({"choices": [], "usage": self.usage}) + b"\n\n" if counted else b""
        return self._chunk({}, self.reasons[reason]) + usage + b"data: [DONE]\n\n"

    def failure(self) -> bytes:
        return b'data: {"error": {"message": "The server had an error", "type": "server_error"}}\n\n'

    def empty(self) -> bytes:
        return encoded({"object": "chat.completion", "choices": [], "usage": self.usage})

    def _chunk(self, delta: Any, reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return b"data: " + encoded({"object": "chat.completion.chunk", "choices": [choice]}) + b"\n\n"


class Anthropic:
    """platform.claude.com/docs/en/api/messages, /messages-streaming and /errors."""

    provider, key, suffix, stream = "anthropic", "unruly_key", "", "text/event-stream"
    usage: Any = {"input_tokens": READ, "output_tokens": WRITTEN}
    reasons: Mapping[str, str] = {"end": "end_turn", "filtered": "refusal"}
    refusals: Mapping[str, tuple[int, str, str]] = {
        "limited": (429, "rate_limit_error", "This request would exceed your rate limit"),
        "failed": (500, "api_error", "Internal server error"),
        "overloaded": (529, "overloaded_error", "Overloaded"),
        "too_long": (400, "invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"),
        "filtered": (400, "invalid_request_error", "Output blocked by content filtering policy"),
        "unknown": (404, "not_found_error", "model: claude-unknown"),
        "denied": (403, "permission_error", "Your API key does not have permission to use the specified resource"),
    }

    def asked(self, path: str, body: Any) -> tuple[str, bool]:
        return body["model"], bool(body.get("stream"))

    def refusal(self, kind: str) -> Refusal:
        status, name, message = self.refusals[kind]
        return Refusal(status, encoded({"type": "error", "error": {"type": name, "message": message}}), {})

    def whole(self, pieces: Sequence[str], *, counted: bool = True, reason: str = "end") -> bytes:
        usage = {"usage": self.usage} if counted else {}
        content = [{"type": "text", "text": "".join(pieces)}]
        return encoded({**self._message(content, self.reasons[reason]), **usage})

    def opening(self) -> bytes:
        usage = {**self.usage, "output_tokens": 1} if isinstance(self.usage, dict) else self.usage
        message = {**self._message([], None), "usage": usage}
        block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        return self._event({"type": "message_start", "message": message}) + self._event(block)

    def piece(self, text: str) -> bytes:
        return self._event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})

    def ending(self, *, counted: bool = True, reason: str = "end") -> bytes:
        usage = {"usage": self.usage} if counted else {}
        delta = {"type": "message_delta", "delta": {"stop_reason": self.reasons[reason], "stop_sequence": None}, **usage}
        stop = {"type": "content_block_stop", "index": 0}
        return self._event(stop) + self._event(delta) + self._event({"type": "message_stop"})

    def failure(self) -> bytes:
        return self._event({"type": "error", "error": {"type": "api_error", "message": "Internal server error"}})

    def empty(self) -> bytes:
        return encoded({"type": "message", "role": "assistant"})

    def _message(self, content: Any, reason: str | None) -> dict[str, Any]:
        fixed = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude"}
        return {**fixed, "content": content, "stop_reason": reason, "stop_sequence": None}

    def _event(self, event: Any) -> bytes:
        return f"event: {event['type']}\n".encode() + b"data: " + encoded(event) + b"\n\n"


class Bedrock:
    """docs.aws.amazon.com/bedrock/latest/APIReference: Converse and ConverseStream, in AWS's event-stream encoding."""

    provider, key, suffix, stream = "bedrock", "unruly_key", "", "application/vnd.amazon.eventstream"
    reasons: Mapping[str, str] = {"end": "end_turn", "filtered": "content_filtered"}
    usage: Any = {"inputTokens": READ, "outputTokens": WRITTEN, "totalTokens": READ + WRITTEN}
    refusals: Mapping[str, tuple[int, str, str]] = {
        "limited": (429, "ThrottlingException", "Too many requests, please wait before trying again."),
        "failed": (500, "InternalServerException", "The system encountered an unexpected error."),
        "overloaded": (503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
        "too_long": (400, "ValidationException", "Input is too long for requested model."),
        "unknown": (400, "ValidationException", "The provided model identifier is invalid."),
        "denied": (403, "AccessDeniedException", "You don't have access to the model with the specified model ID."),
    }

    def asked(self, path: str, body: Any) -> tuple[str, bool]:
        _, model, action = path.rsplit("/", 2)
        return unquote(model), action == "converse-stream"

    def refusal(self, kind: str) -> Refusal:
        status, name, message = self.refusals[kind]
        return Refusal(status, encoded({"message": message}), {"x-amzn-ErrorType": name})

    def whole(self, pieces: Sequence[str], *, counted: bool = True, reason: str = "end") -> bytes:
        message = {"role": "assistant", "content": [{"text": "".join(pieces)}]}
        usage = {"usage": self.usage} if counted else {}
        return encoded({"output": {"message": message}, "stopReason": self.reasons[reason], **usage})

    def opening(self) -> bytes:
        return frame("messageStart", {"role": "assistant"})

    def piece(self, text: str) -> bytes:
        return frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})

    def ending(self, *, counted: bool = True, reason: str = "end") -> bytes:
        stop = frame("contentBlockStop", {"contentBlockIndex": 0})
        usage = frame("metadata", {"usage": self.usage, "metrics": {"latencyMs": 1}}) if counted else b""
        return stop + frame("messageStop", {"stopReason": self.reasons[reason]}) + usage

    def failure(self) -> bytes:
        return frame("modelStreamErrorException", {"message": "The model failed."}, kind="exception")

    def empty(self) -> bytes:
        return encoded({"output": {}, "usage": self.usage})


def frame(name: str, payload: Any, *, kind: str = "event") -> bytes:
    """A message of AWS's event-stream encoding (docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html)."""
    named = {f":{kind}-type": name, ":content-type": JSON, ":message-type": kind}
    headers = b"".join(
        struct.pack(">B", len(key)) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for key, value in named.items()
    )
    body = encoded(payload)
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack(">I", binascii.crc32(prelude)) + headers + body
    return message + struct.pack(">I", binascii.crc32(message))


WIRES: Sequence[Wire] = (OpenAI(), Anthropic(), Bedrock())
