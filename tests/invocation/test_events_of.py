"""A kept answer as events: folded again it is the same answer."""

from apps.invocation.folding import Answer, events_of
from apps.invocation.invocations import Completion, StopReason, Text, Thinking, ToolUse, Usage


def test_an_answer_of_several_texts_is_the_same_after_it_was_events() -> None:
    likely = ({"token": "a", "logprob": -0.1}, {"token": "b", "logprob": -0.2})
    content = (Text("a"), Thinking("hm", "signed"), Text("b"), ToolUse("1", "look", '{"x":1}'))
    kept = Completion(content, Usage(3, 2), StopReason.TOOLS, None, likely)
    answer = Answer()
    for event in events_of(kept):
        answer.add(event)
    assert answer.completion() == kept
