"""OpenAI's Responses API, member by member."""

from typing import Any

from openai.types.responses.response_create_params import ResponseCreateParamsStreaming

from tests.invocation.members.walking import Row, Table, here, honoured, listed, plain, refused, reported

SHAPE = ResponseCreateParamsStreaming
KINDS: dict[str, str] = {}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
PAGES = "data:application/pdf;base64,JVBERi0="
QUESTION = {"role": "user", "content": "Hello."}
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
TOOLS = [{"type": "function", "name": "clock"}]
POINT = reported({"mode": "explicit"}, "prompt_cache_breakpoint")
# The kinds of items and tools that OpenAI itself keeps or runs.
ITEMS = (
    *("file_search_call", "computer_call", "computer_call_output", "web_search_call", "tool_search_call", "tool_search_output"),
    *("additional_tools", "configuration_update", "compaction", "image_generation_call", "code_interpreter_call"),
    *("local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output", "apply_patch_call"),
    *("apply_patch_call_output", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "mcp_call"),
    *("custom_tool_call_output", "custom_tool_call", "compaction_trigger", "program", "program_output"),
)
TOOLS_OF_OPENAI = (
    *("file_search", "computer", "computer_use_preview", "web_search", "mcp", "code_interpreter", "image_generation"),
    *("programmatic_tool_calling", "local_shell", "shell", "custom", "namespace", "tool_search", "web_search_preview"),
    "apply_patch",
)
CHOICES_OF_OPENAI = ("file_search", "mcp", "custom", "programmatic_tool_calling", "apply_patch", "shell")


def items(made: Any) -> Any:
    """An item in an input that can hold it."""
    before = [QUESTION, CALL] if made.get("type") == "function_call_output" else [QUESTION]
    return [*before, made]


def of_parts(path: str) -> dict[str, Row]:
    """The parts of a content that is asked with."""
    return {
        f"{path}[input_text].text": honoured("Some words."),
        f"{path}[input_text].prompt_cache_breakpoint": POINT,
        f"{path}[input_image].detail": reported("high", f"{plain(path)}.detail"),
        f"{path}[input_image].file_id": refused("file-1"),
        f"{path}[input_image].image_url": honoured(PIXEL),
        f"{path}[input_image].prompt_cache_breakpoint": POINT,
    }


ROWS: dict[str, Row] = {
    "access_programs": reported({"cyber": "x"}),
    "background": refused(True),
    "background_options": reported({"completion_window": "1h"}),
    "context_management": refused([{"type": "compaction"}]),
    "conversation": refused("conv_1"),
    "image": reported({"context_compression": "auto"}),
    "include": reported(["reasoning.encrypted_content"]),
    **of_parts("input[message].content"),
    "input[message].content[input_file].detail": reported("high", "input.content.detail"),
    "input[message].content[input_file].file_data": honoured(PAGES),
    "input[message].content[input_file].file_id": refused("file-1"),
    "input[message].content[input_file].file_url": refused("https://example.com/a.pdf"),
    "input[message].content[input_file].filename": honoured("report.pdf"),
    "input[message].content[input_file].prompt_cache_breakpoint": POINT,
    "input[message].phase": reported("commentary", "input.phase"),
    "input[message].role": honoured("user"),
    "input[message].status": here("completed"),
    "input[message].id": here("msg_1"),
    "input[message].content[output_text].annotations": here([]),
    "input[message].content[output_text].text": honoured("Some words."),
    "input[message].content[output_text].logprobs": here([]),
    "input[message].content[refusal].refusal": honoured("I will not."),
    **{f"input[{kind}]": refused() for kind in ITEMS},
    "input[item_reference]": refused({"type": "item_reference", "id": "msg_1"}),
    "input[function_call].arguments": honoured('{"hour":7}'),
    "input[function_call].call_id": honoured("call-7"),
    "input[function_call].name": honoured("clock"),
    "input[function_call].id": here("fc_1"),
    "input[function_call].async": reported(True, "input.async"),
    "input[function_call].caller": reported({"type": "direct"}, "input.caller"),
    "input[function_call].namespace": reported("n", "input.namespace"),
    "input[function_call].status": here("completed"),
    **of_parts("input[function_call_output].output"),
    "input[function_call_output].output[input_file]": refused({"type": "input_file", "file_data": PAGES}),
    "input[function_call_output].call_id": honoured("c1"),
    "input[function_call_output].id": here("fco_1"),
    "input[function_call_output].name": reported("clock", "input.name"),
    "input[function_call_output].namespace": reported("n", "input.namespace"),
    "input[function_call_output].caller": reported({"type": "direct"}, "input.caller"),
    "input[function_call_output].status": here("completed"),
    "input[reasoning].id": reported("rs_1", "reasoning"),
    "input[reasoning].summary.text": reported("I thought.", "reasoning"),
    "input[reasoning].content.text": reported("I thought.", "reasoning"),
    "input[reasoning].encrypted_content": reported("signed:x", "reasoning"),
    "input[reasoning].status": reported("completed", "reasoning"),
    "instructions": honoured("Be brief."),
    "max_output_tokens": honoured(77),
    "max_tool_calls": reported(3),
    "metadata": here({"team": "search"}),
    "model": honoured("able", "gpt-4o"),
    "moderation": refused({"model": "m"}),
    "parallel_tool_calls": honoured(False, tools=TOOLS),
    "previous_response_id": refused("resp_1"),
    "prompt": refused({"id": "pmpt_1"}),
    "prompt_cache_key": reported("k"),
    "prompt_cache_options": reported({"mode": "implicit"}),
    "prompt_cache_retention": reported("24h"),
    "reasoning.context": reported("auto"),
    "reasoning.effort": honoured("low"),
    "reasoning.generate_summary": reported("auto", "reasoning.summary"),
    "reasoning.mode": reported("pro"),
    "reasoning.summary": reported("auto"),
    "safety_identifier": honoured("somebody"),
    "service_tier": honoured("flex"),
    "store": refused(True),
    "stream": here(True),
    "stream_options": reported({"include_obfuscation": True}, stream=True),
    "temperature": honoured(0.3),
    "text.format[json_schema].name": honoured("person"),
    "text.format[json_schema].schema": honoured({"type": "object", "required": ["a"]}),
    "text.format[json_schema].description": honoured("A person."),
    "text.format[json_schema].strict": honoured(True),
    "text.verbosity": reported("low"),
    "tool_choice[allowed_tools].mode": honoured("required", tools=TOOLS),
    "tool_choice[allowed_tools].tools": honoured([{"type": "function", "name": "clock"}], "clock", tools=TOOLS),
    "tool_choice[function].name": honoured("clock", tools=TOOLS),
    **{f"tool_choice[{kind}]": refused(tools=TOOLS) for kind in CHOICES_OF_OPENAI},
    "tools[function].async": reported(True, "tools.async"),
    "tools[function].name": honoured("watch"),
    "tools[function].parameters": honoured({"type": "object", "required": ["a"]}),
    "tools[function].strict": honoured(True),
    "tools[function].allowed_callers": reported(["direct"], "tools.allowed_callers"),
    "tools[function].defer_loading": reported(True, "tools.defer_loading"),
    "tools[function].description": honoured("Tells the time."),
    "tools[function].output_schema": reported({"type": "object"}, "tools.output_schema"),
    **{f"tools[{kind}]": refused() for kind in TOOLS_OF_OPENAI},
    "top_logprobs": honoured(3),
    "top_p": honoured(0.3),
    "truncation": refused("auto"),
    "user": honoured("somebody"),
}
PARTS: dict[str, Any] = {
    "input_text": {"type": "input_text", "text": "Words."},
    "input_image": {"type": "input_image", "image_url": PIXEL},
    "input_file": {"type": "input_file", "file_data": PAGES},
    "output_text": {"type": "output_text", "text": "Words."},
    "refusal": {"type": "refusal", "refusal": "No."},
}
TABLE = Table(
    rows=ROWS,
    base={"model": "able", "input": [QUESTION]},
    objects={
        "input[message]": {"type": "message", "role": "user", "content": "Words."},
        "input[function_call]": CALL,
        "input[function_call_output]": {"type": "function_call_output", "call_id": "c1", "output": "Words."},
        "input[reasoning]": {"type": "reasoning", "summary": [{"type": "summary_text", "text": "So."}]},
        "input[reasoning].summary": {"type": "summary_text", "text": "So."},
        "input[reasoning].content": {"type": "reasoning_text", "text": "So."},
        **{f"input[message].content[{kind}]": part for kind, part in PARTS.items()},
        **{f"input[function_call_output].output[{kind}]": part for kind, part in PARTS.items()},
        "text.format[json_schema]": {"type": "json_schema", "name": "n", "schema": {"type": "object"}},
        "tool_choice[allowed_tools]": {"type": "allowed_tools", "mode": "auto", "tools": TOOLS},
        "tool_choice[function]": {"type": "function"},
        "tools[function]": {"type": "function", "name": "clock"},
    },
    around={
        **{f"input[{kind}]": items for kind in ("message", "function_call", "function_call_output", "reasoning", *ITEMS)},
        "input[item_reference]": items,
        "input[reasoning].summary": listed,
        "input[reasoning].content": listed,
        **{f"input[message].content[{kind}]": listed for kind in PARTS},
        **{f"input[function_call_output].output[{kind}]": listed for kind in PARTS},
        **{f"tools[{kind}]": listed for kind in ("function", *TOOLS_OF_OPENAI)},
    },
)
