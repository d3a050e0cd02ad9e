"""What a server in Anthropic's manner answers: a message that follows from the request, whole or as events.

Shapes and order of events: platform.claude.com/docs/en/api/messages, /build-with-claude/streaming, and the recorded answers in
github.com/vercel/ai, packages/anthropic/src/__fixtures__ (as of 2026-11).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def read(body: Any) -> int:
    """The tokens of a request: a token for each 4 characters of its JSON."""
    named = ("system", "messages", "tools")
    return len(json.dumps({name: body[name] for name in named if name in body})) // 4


class Answer:
    """What is answered: the last text is said again, tools are used, thoughts thought, schemas filled, as the request says.

    kept: the conversations that are in the cache.
    """

    def __init__(self, kept: set[str], body: Any) -> None:
        self.kept, self.body = kept, body
        last = body["messages"][-1]["content"]
        self.last = [{"type": "text", "text": last}] if isinstance(last, str) else last
        self.stop: str | None = None
        self.content = [*self.thoughts(), *(self.uses() or [{"type": "text", "text": self.text()}])]
        self.reason = self.ended()

    def thoughts(self) -> Sequence[Any]:
        if self.body.get("thinking", {}).get("type") not in ("enabled", "adaptive"):
            return []
        return [
            {"type": "thinking", "thinking": "Let me think. Done.", "signature": "c2lnbmF0dXJl"},
            {"type": "redacted_thinking", "data": "ZW5jcnlwdGVk"},
        ]

    def uses(self) -> Sequence[Any]:
        """One tool use for each tool, or only the first, or the chosen one."""
        tools, choice = self.body.get("tools", []), self.body.get("tool_choice", {"type": "auto"})
        if choice["type"] == "none" or any(block["type"] == "tool_result" for block in self.last):
            return []
        wanted = [tool for tool in tools if choice.get("name") in (None, tool["name"])]
        wanted = wanted[:1] if choice.get("disable_parallel_tool_use") else wanted
        return [
            {"type": "tool_use", "id": f"toolu_{place}", "name": tool["name"], "input": filled(tool["input_schema"])}
            for place, tool in enumerate(wanted)
        ]

    def text(self) -> str:
        form = self.body.get("output_config", {}).get("format")
        said = json.dumps(filled(form["schema"])) if form else " ".join(map(spoken, self.last))
        for stop in self.body.get("stop_sequences", []):
            if stop in said:
                self.stop, said = stop, said.partition(stop)[0]
        return " ".join(said.split(" ")[: self.body["max_tokens"]])

    def ended(self) -> str:
        if self.content[-1]["type"] == "tool_use":
            return "tool_use"
        if self.stop is not None:
            return "stop_sequence"
        return "max_tokens" if self.written() >= self.body["max_tokens"] else "end_turn"

    def written(self) -> int:
        """A token for each word, as for the limit."""
        return max(1, sum(len(str(block.get("text", block)).split(" ")) for block in self.content))

    def usage(self) -> dict[str, Any]:
        """With cache points, all was put into the cache the first time and is read from there the next."""
        tokens, cached, put = read(self.body), 0, 0
        if "cache_control" in json.dumps(self.body):
            key = json.dumps(self.body["messages"])
            cached, put = (tokens - 1, 0) if key in self.kept else (0, tokens - 1)
            self.kept.add(key)
        thoughts = 5 if len(self.content) > 2 else 0
        return {
            "input_tokens": tokens - cached - put,
            "cache_creation_input_tokens": put,
            "cache_read_input_tokens": cached,
            "output_tokens": self.written() + thoughts,
            "output_tokens_details": {"thinking_tokens": thoughts},
        }

    def message(self, **changed: Any) -> Mapping[str, Any]:
        fixed = {"id": "msg_upstream", "type": "message", "role": "assistant", "model": self.body["model"]}
        ended = {"stop_reason": self.reason, "stop_sequence": self.stop, "stop_details": None}
        return {**fixed, "content": self.content, **ended, "usage": self.usage(), **changed}

    def events(self) -> Iterator[Mapping[str, Any]]:
        """The message as events."""
        usage = self.usage()
        begun = self.message(content=[], stop_reason=None, stop_sequence=None, usage={**usage, "output_tokens": 1})
        yield {"type": "message_start", "message": begun}
        yield {"type": "ping"}
        for index, block in enumerate(self.content):
            empty, deltas = in_pieces(block)
            yield {"type": "content_block_start", "index": index, "content_block": empty}
            for delta in deltas:
                yield {"type": "content_block_delta", "index": index, "delta": delta}
            yield {"type": "content_block_stop", "index": index}
        delta = {"stop_reason": self.reason, "stop_sequence": self.stop, "stop_details": None}
        yield {"type": "message_delta", "delta": delta, "usage": usage}
        yield {"type": "message_stop"}


def filled(schema: Any) -> Any:
    """The smallest value that a JSON schema of objects, texts and numbers allows."""
    if schema.get("type") == "object":
        return {name: filled(inner) for name, inner in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [filled(schema["items"])]
    return {"integer": 21, "number": 0.5, "boolean": True}.get(schema.get("type"), "Paris")


def spoken(block: Any) -> str:
    """What there is to say about a block."""
    match block["type"]:
        case "text":
            return str(block["text"])
        case "tool_result":
            content = block["content"]
            return f"{block['tool_use_id']} gave {content if isinstance(content, str) else ' '.join(map(spoken, content))}"
        case "image" | "document":
            source = block["source"]
            return f"{block['type']} {source.get('media_type', '')} {source.get('data') or source.get('url')}"
    return f"a {block['type']}"


def in_pieces(block: Any) -> tuple[Any, Sequence[Any]]:
    """A block's beginning, and the deltas that follow."""
    match block["type"]:
        case "text":
            words = [word + " " for word in block["text"].split(" ")]
            pieces = [*words[:-1], words[-1][:-1]]
            return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]
        case "thinking":
            half = len(block["thinking"]) // 2
            pieces = [block["thinking"][:half], block["thinking"][half:]]
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
            signed = {"type": "signature_delta", "signature": block["signature"]}
            return {"type": "thinking", "thinking": "", "signature": ""}, [*deltas, signed]
        case "tool_use":
            text = json.dumps(block["input"])
            pieces = ["", text[:5], text[5:]]
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return block, []
