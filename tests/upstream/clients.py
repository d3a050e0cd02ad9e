"""How applications ask: each dialect, whole and streamed, and what it must say when there is no answer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.invocation.door import Answer

QUESTION = "Say hello to the reader of this page."


@dataclass(frozen=True)
class Client:
    """One way to ask. `statuses`: the status that the dialect has for an outcome, where it is not the contract's."""

    name: str
    path: str
    body: Mapping[str, Any]
    named: str = "model"
    streamed: bool = False
    statuses: Mapping[str, int] | None = None

    def ask(self, model: str) -> Mapping[str, Any]:
        """The body of a request."""
        return {self.named: model, **self.body}

    def status(self, outcome: str) -> int:
        """The status of a refusal."""
        return {**STATUSES, **(self.statuses or {})}[outcome]

    def text(self, answer: Answer) -> str:
        """The words of an answer, or of what came of it."""
        if not self.streamed:
            found = answer.json
            if self.name == "contract":
                return str(found["output_text"])
            if self.name == "responses":
                return str(found["output"][0]["content"][0]["text"])
            message = found["choices"][0]["message"] if "choices" in found else found
            content = message["content"]
            return str(content if isinstance(content, str) else content[0]["text"])
        pieces = [word for event in events(answer) for word in words(event)]
        return "".join(pieces)

    def error(self, answer: Answer) -> tuple[str, str]:
        """What kind of error an answer says, and its words: the body's, or that of the last event of a stream."""
        found = events(answer)[-1] if answer.status == 200 else answer.json
        if self.name == "contract":
            return found["code"], found["detail"]
        found = found.get("response", found)
        return found["error"].get("code") or found["error"]["type"], found["error"]["message"]

    def looks_complete(self, answer: Answer) -> bool:
        """Whether a stream ends as one does that has all of its answer."""
        ends = ("[DONE]", '"message_stop"', "response.completed", "response.incomplete", '"finish_reason":"', '"stop_reason":"')
        return any(end in answer.body.decode().replace('": "', '":"') for end in ends)


def events(answer: Answer) -> Sequence[Any]:
    """The JSON of each event of a stream."""
    lines = answer.body.decode().splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ") and line != "data: [DONE]"]


def words(event: Any) -> Sequence[str]:
    """The words in an event."""
    if "choices" in event:
        return [choice["delta"].get("content") or "" for choice in event["choices"]]
    if event.get("type") == "response.output_text.delta":
        return [event["delta"]]
    return [event["delta"].get("text", "")] if event.get("type") == "content_block_delta" else []


STATUSES: Mapping[str, int] = {
    "rate_limited": 429,
    "upstream_failed": 502,
    "upstream_denied": 502,
    "unavailable": 503,
    "upstream_timeout": 504,
    "context_length_exceeded": 400,
    "content_blocked": 400,
    "model_not_found": 400,
}
TURN = {"messages": [{"role": "user", "content": QUESTION}], "max_tokens": 50}
RESPONSE = {"input": QUESTION, "max_output_tokens": 50}
OPENAI = {"model_not_found": 404}
ANTHROPIC = {"model_not_found": 404, "unavailable": 529}
CLIENTS: Sequence[Client] = (
    Client("contract", "/model/invoke", {"prompt": QUESTION}, named="model_name"),
    Client("openai", "/v1/chat/completions", TURN, statuses=OPENAI),
    Client("openai-stream", "/v1/chat/completions", {**TURN, "stream": True}, streamed=True, statuses=OPENAI),
    Client("responses", "/v1/responses", RESPONSE, statuses=OPENAI),
    Client("responses-stream", "/v1/responses", {**RESPONSE, "stream": True}, streamed=True, statuses=OPENAI),
    Client("anthropic", "/v1/messages", TURN, statuses=ANTHROPIC),
    Client("anthropic-stream", "/v1/messages", {**TURN, "stream": True}, streamed=True, statuses=ANTHROPIC),
)
