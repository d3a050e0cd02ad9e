"""OpenAI's chat completions, member by member."""

from typing import Any

from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

from tests.invocation.members.walking import Row, Table, here, honoured, listed, refused, reported

SHAPE = CompletionCreateParamsStreaming
KINDS: dict[str, str] = {}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
PAGES = "data:application/pdf;base64,JVBERi0="
QUESTION = {"role": "user", "content": "Hello."}
TOOLS = [{"type": "function", "function": {"name": "clock"}}]
CALLS = {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
POINT = reported({"mode": "explicit"}, "cache_control")
CUSTOM = {"type": "custom", "custom": {"name": "c"}}


def turns(made: Any) -> Any:
    """A message in a conversation that can hold it."""
    before = [QUESTION, CALLS] if made["role"] == "tool" else [QUESTION]
    return [*before, made] if made["role"] in ("assistant", "tool", "function") else [made, QUESTION]


def of_texts(role: str) -> dict[str, Row]:
    """The content of a message that is text."""
    return {
        f"messages[{role}].content.text": honoured("Some words."),
        f"messages[{role}].content.prompt_cache_breakpoint": POINT,
    }


ROWS: dict[str, Row] = {
    **of_texts("developer"),
    **of_texts("system"),
    **of_texts("tool"),
    **{f"messages[{role}].name": reported("ada", "messages.name") for role in ("developer", "system", "user", "assistant")},
    "messages[user].content[text].text": honoured("Some words."),
    "messages[user].content[text].prompt_cache_breakpoint": POINT,
    "messages[user].content[image_url].image_url.url": honoured(PIXEL),
    "messages[user].content[image_url].image_url.detail": reported("high", "image_url.detail"),
    "messages[user].content[image_url].prompt_cache_breakpoint": POINT,
    "messages[user].content[input_audio]": refused(),
    "messages[user].content[file].file.file_data": honoured(PAGES),
    "messages[user].content[file].file.file_id": refused("file-1"),
    "messages[user].content[file].file.filename": honoured("report.pdf"),
    "messages[user].content[file].prompt_cache_breakpoint": POINT,
    "messages[assistant].audio": reported({"id": "audio-1"}, "messages.audio"),
    "messages[assistant].content[text].text": honoured("Some words."),
    "messages[assistant].content[text].prompt_cache_breakpoint": POINT,
    "messages[assistant].content[refusal].refusal": honoured("I will not."),
    "messages[assistant].function_call": reported({"name": "f", "arguments": "{}"}, "messages.function_call"),
    "messages[assistant].refusal": reported("I will not.", "messages.refusal"),
    "messages[assistant].tool_calls[function].id": honoured("call-7"),
    "messages[assistant].tool_calls[function].function.arguments": honoured('{"hour":7}'),
    "messages[assistant].tool_calls[function].function.name": honoured("clock"),
    "messages[assistant].tool_calls[custom]": refused({"id": "c", "type": "custom", "custom": {"input": "x", "name": "c"}}),
    "messages[tool].tool_call_id": honoured("c1"),
    "messages[function]": refused({"role": "function", "name": "f", "content": "x"}),
    "model": honoured("able", "gpt-4o"),
    "audio": refused({"format": "mp3", "voice": "alloy"}),
    "frequency_penalty": honoured(0.5),
    "function_call": refused("auto"),
    "functions": refused([{"name": "f"}]),
    "logit_bias": refused({"50256": -1}),
    "logprobs": honoured(True),
    "max_completion_tokens": honoured(77),
    "max_tokens": honoured(77),
    "metadata": here({"team": "search"}),
    "modalities": refused(["audio"]),
    "moderation": refused({"model": "m"}),
    "n": refused(2),
    "parallel_tool_calls": honoured(False, tools=TOOLS),
    "prediction": reported({"type": "content", "content": "x"}),
    "presence_penalty": honoured(0.5),
    "prompt_cache_key": reported("k"),
    "prompt_cache_options": reported({"mode": "implicit"}),
    "prompt_cache_retention": reported("24h"),
    "reasoning_effort": honoured("low"),
    "response_format[json_schema].json_schema.name": honoured("person"),
    "response_format[json_schema].json_schema.description": honoured("A person."),
    "response_format[json_schema].json_schema.schema": honoured({"type": "object", "required": ["a"]}),
    "response_format[json_schema].json_schema.strict": honoured(True),
    "safety_identifier": honoured("somebody"),
    "seed": honoured(77),
    "service_tier": honoured("flex"),
    "stop": honoured(["END"]),
    "store": reported(True),
    "stream": here(True),
    "stream_options.include_obfuscation": reported(True, stream=True),
    "stream_options.include_usage": here(True, stream=True),
    "temperature": honoured(0.3),
    "tool_choice[allowed_tools]": refused(
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}, tools=TOOLS
    ),
    "tool_choice[function].function.name": honoured("clock", tools=TOOLS),
    "tool_choice[custom]": refused(CUSTOM, tools=TOOLS),
    "tools[function].function.name": honoured("watch"),
    "tools[function].function.description": honoured("Tells the time."),
    "tools[function].function.parameters": honoured({"type": "object", "required": ["a"]}),
    "tools[function].function.strict": honoured(True),
    "tools[custom]": refused(CUSTOM),
    "top_logprobs": honoured(3, logprobs=True),
    "top_p": honoured(0.3),
    "user": honoured("somebody"),
    "verbosity": reported("low"),
    "web_search_options": refused({}),
}
TEXT = {"type": "text", "text": "Words."}
TABLE = Table(
    rows=ROWS,
    base={"model": "able", "messages": [QUESTION]},
    objects={
        **{f"messages[{role}]": {"role": role, "content": "Words."} for role in ("developer", "system", "user", "assistant")},
        "messages[tool]": {"role": "tool", "tool_call_id": "c1", "content": "Words."},
        **{f"messages[{role}].content": TEXT for role in ("developer", "system", "tool")},
        **{f"messages[{role}].content[text]": TEXT for role in ("user", "assistant")},
        "messages[assistant].content[refusal]": {"type": "refusal", "refusal": "No."},
        "messages[user].content[image_url]": {"type": "image_url", "image_url": {"url": PIXEL}},
        "messages[user].content[image_url].image_url": {"url": PIXEL},
        "messages[user].content[file]": {"type": "file", "file": {"file_data": PAGES}},
        "messages[user].content[file].file": {"file_data": PAGES},
        "messages[assistant].tool_calls[function]": CALLS["tool_calls"][0],  # type: ignore[index]
        "messages[assistant].tool_calls[function].function": {"name": "f", "arguments": "{}"},
        "response_format[json_schema]": {"type": "json_schema"},
        "response_format[json_schema].json_schema": {"name": "n", "schema": {"type": "object"}},
        "tool_choice[function]": {"type": "function"},
        "tools[function]": {"type": "function"},
        "tools[function].function": {"name": "clock"},
    },
    around={
        **{f"messages[{role}]": turns for role in ("developer", "system", "user", "assistant", "tool", "function")},
        **{f"messages[{role}].content": listed for role in ("developer", "system", "tool")},
        **{f"messages[{role}].content[text]": listed for role in ("user", "assistant")},
        **{f"messages[user].content[{kind}]": listed for kind in ("image_url", "file", "input_audio")},
        "messages[assistant].content[refusal]": listed,
        **{f"messages[assistant].tool_calls[{kind}]": listed for kind in ("function", "custom")},
        **{f"tools[{kind}]": listed for kind in ("function", "custom")},
    },
)
