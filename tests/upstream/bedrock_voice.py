"""A Bedrock whose models are the one that this machine carries: it says what a language model says, in Bedrock's form."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from apps.invocation.adapters.local.text import MODEL, LocalText
from apps.invocation.invocations import Finish, Message, Request, Role, StopReason, Text, TextDelta
from foundation.errors import TooLong
from tests.upstream.bedrock_server import Asked, BedrockServer, Refusal, converse, frame

REASONS = {StopReason.END: "end_turn", StopReason.LENGTH: "max_tokens", StopReason.STOP: "stop_sequence"}
LONG = Refusal(400, "ValidationException", "Input is too long for requested model.")


class Voice:
    """Answers for a BedrockServer."""

    def __init__(self, model: LocalText) -> None:
        self.model = model

    def lend(self, server: BedrockServer, *names: str) -> None:
        """Let these models of the server speak and be counted."""
        server.answers |= dict.fromkeys(names, self.answer)
        server.counts = self.count

    def answer(self, asked: Asked) -> Any:
        """What the model says: whole, or as it comes."""
        return self.whole(asked.body) if asked.action == "converse" else self.begun(asked.body)

    async def whole(self, body: Mapping[str, Any]) -> Any:
        """A body of Converse."""
        try:
            made = await self.model.complete(told(body))
        except TooLong:
            return LONG
        usage = {"inputTokens": made.usage.input_tokens, "outputTokens": made.usage.output_tokens}
        return converse([{"text": made.text}], REASONS[made.reason], **usage)

    async def begun(self, body: Mapping[str, Any]) -> Any:
        """The frames of a stream, once its first has come."""
        events = self.model.stream(told(body))
        try:
            first = await anext(events)
        except TooLong:
            return LONG
        return self.frames(first, events)

    async def frames(self, first: Any, events: AsyncIterator[Any]) -> AsyncIterator[bytes]:
        """The events of the model as frames."""
        try:
            yield frame("messageStart", {"role": "assistant"})
            event: Any = first
            while not isinstance(event, Finish):
                assert isinstance(event, TextDelta)
                yield frame("contentBlockDelta", {"delta": {"text": event.text}, "contentBlockIndex": 0})
                event = await anext(events)
            yield frame("messageStop", {"stopReason": REASONS[event.reason]})
            usage = {"inputTokens": event.usage.input_tokens, "outputTokens": event.usage.output_tokens, "totalTokens": 0}
            yield frame("metadata", {"usage": usage, "metrics": {"latencyMs": 1}})
        finally:
            await events.aclose()  # type: ignore[attr-defined]

    async def count(self, body: Mapping[str, Any]) -> int:
        """The tokens that the model would read."""
        return await self.model.count(told(body))


def told(body: Mapping[str, Any]) -> Request:
    """A body of Converse as the local model takes it."""
    inference = body.get("inferenceConfig", {})
    turns = (Message(Role(turn["role"]), tuple(Text(each["text"]) for each in turn["content"])) for turn in body["messages"])
    return Request(
        MODEL,
        tuple(turns),
        tuple(Text(each["text"]) for each in body.get("system", ())),
        inference.get("maxTokens"),
        inference.get("temperature"),
        inference.get("topP"),
        stop=tuple(inference.get("stopSequences", ())),
    )
