"""Anthropic's Messages API, member by member. Turns of the user and of the model hold the same kinds of blocks: `turn`."""

from typing import Any

from anthropic.types.message_create_params import MessageCreateParamsStreaming

from tests.invocation.members.walking import Row, Table, here, honoured, listed, refused, reported

SHAPE = MessageCreateParamsStreaming
KINDS = {"user": "turn", "assistant": "turn"}
PIXEL = "iVBORw0KGgo="
PAGES = "JVBERi0="
PLACE = [{"type": "char_location", "cited_text": "x"}]
USE = {"type": "tool_use", "id": "t1", "name": "clock", "input": {}}
TOOLS = [{"name": "clock", "input_schema": {"type": "object"}}]
CACHED = honoured("1h")
# What Anthropic itself keeps or runs.
BLOCKS = (
    *("search_result", "server_tool_use", "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result"),
    *("bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "tool_search_tool_result"),
    "container_upload",
)
TOOLS_OF_ANTHROPIC = (
    *("bash_20250124", "browser_toolset_20260801", "code_execution_20250522", "code_execution_20250825"),
    *("code_execution_20260120", "code_execution_20260521", "computer_toolset_20260801", "memory_20250818"),
    *("text_editor_20250124", "text_editor_20250429", "text_editor_20250728", "tool_search_tool_bm25_20251119"),
    *("tool_search_tool_regex_20251119", "web_fetch_20250910", "web_fetch_20260209", "web_fetch_20260309"),
    *("web_fetch_20260318", "web_search_20250305", "web_search_20260209", "web_search_20260318"),
)
ONLY_OF_RESULTS = ("browser_state", "document", "search_result", "tool_reference")


def of_texts(path: str) -> dict[str, Row]:
    """A block of text."""
    return {
        f"{path}.text": honoured("Some words."),
        f"{path}.cache_control.ttl": CACHED,
        f"{path}.citations": reported(PLACE),
    }


def of_pictures(path: str) -> dict[str, Row]:
    """A block that is a picture."""
    return {
        f"{path}.source[base64].data": honoured(PIXEL),
        f"{path}.source[base64].media_type": honoured("image/png"),
        f"{path}.source[url].url": honoured("https://example.com/a.png"),
        f"{path}.source[file]": refused(),
        f"{path}.cache_control.ttl": CACHED,
        f"{path}.transformations": reported({"oversized_image": "error"}),
    }


TURN = "messages[turn].content"
ROWS: dict[str, Row] = {
    "max_tokens": honoured(77),
    **of_texts(f"{TURN}[text]"),
    **of_pictures(f"{TURN}[image]"),
    f"{TURN}[document].source[base64].data": honoured(PAGES),
    f"{TURN}[document].source[text].data": honoured("Pages."),
    f"{TURN}[document].source[content]": refused({"type": "content", "content": "x"}),
    f"{TURN}[document].source[url]": refused({"type": "url", "url": "https://example.com/a.pdf"}),
    f"{TURN}[document].source[file]": refused({"type": "file", "file_id": "f"}),
    f"{TURN}[document].cache_control.ttl": CACHED,
    f"{TURN}[document].citations": reported({"enabled": True}),
    f"{TURN}[document].context": reported("Of last year."),
    f"{TURN}[document].title": honoured("Report"),
    f"{TURN}[thinking].signature": honoured("signed"),
    f"{TURN}[thinking].thinking": honoured("I thought."),
    f"{TURN}[redacted_thinking].data": honoured("sealed"),
    f"{TURN}[tool_use].id": honoured("t1"),
    f"{TURN}[tool_use].input": honoured({"hour": 7}),
    f"{TURN}[tool_use].name": honoured("clock"),
    f"{TURN}[tool_use].cache_control": reported({"type": "ephemeral"}),
    f"{TURN}[tool_use].caller": reported({"type": "code_execution_20250825", "tool_id": "x"}),
    f"{TURN}[tool_use].toolset_name": reported("browser"),
    f"{TURN}[tool_result].tool_use_id": honoured("t1"),
    f"{TURN}[tool_result].cache_control.ttl": CACHED,
    **of_texts(f"{TURN}[tool_result].content[text]"),
    **of_pictures(f"{TURN}[tool_result].content[image]"),
    **{f"{TURN}[tool_result].content[{kind}]": refused() for kind in ONLY_OF_RESULTS},
    f"{TURN}[tool_result].is_error": honoured(True),
    f"{TURN}[tool_result].toolset_name": reported("browser"),
    **{f"{TURN}[{kind}]": refused() for kind in BLOCKS},
    "messages[system].content.text": reported("Some words.", "messages=system-first"),
    "messages[system].content.cache_control": reported({"type": "ephemeral"}, "messages=system-first"),
    "messages[system].content.citations": reported(PLACE),
    "model": honoured("claude-test"),
    "cache_control.ttl": CACHED,
    "container": refused("c"),
    "diagnostics": reported({"previous_message_id": None, "more": 1}),
    "inference_geo": refused("us"),
    "metadata.user_id": honoured("somebody"),
    "output_config.effort": honoured("low"),
    "output_config.format.schema": honoured({"type": "object", "required": ["a"]}),
    "service_tier": honoured("standard_only"),
    "speed": reported("fast"),
    "stop_sequences": honoured(["END"]),
    "stream": here(True),
    **of_texts("system"),
    "thinking[enabled].budget_tokens": honoured(1024, max_tokens=3000),
    "thinking[enabled].display": reported("summarized", max_tokens=3000),
    "thinking[adaptive].display": reported("summarized"),
    **{f"tool_choice[{kind}].disable_parallel_tool_use": honoured(True, tools=TOOLS) for kind in ("auto", "any", "tool")},
    "tool_choice[tool].name": honoured("clock", tools=TOOLS),
    "tools[custom].input_schema.properties": honoured({"a": {"type": "string"}}),
    "tools[custom].input_schema.required": honoured(["a"]),
    "tools[custom].name": honoured("watch"),
    "tools[custom].allowed_callers": reported(["direct"]),
    "tools[custom].cache_control.ttl": CACHED,
    "tools[custom].defer_loading": reported(True),
    "tools[custom].description": honoured("Tells the time."),
    "tools[custom].eager_input_streaming": reported(True),
    "tools[custom].input_examples": reported([{"a": "b"}]),
    "tools[custom].strict": honoured(True),
    **{f"tools[{kind}]": refused() for kind in TOOLS_OF_ANTHROPIC},
    "user_profile_id": reported("u"),
    "workspace_id": reported("w"),
}
SOURCES: dict[str, Any] = {
    "base64": {"type": "base64", "media_type": "image/png", "data": PIXEL},
    "url": {"type": "url", "url": "https://example.com/a.png"},
    "text": {"type": "text", "media_type": "text/plain", "data": "Pages."},
}
PAPER = {"type": "base64", "media_type": "application/pdf", "data": PAGES}
OBJECTS: dict[str, Any] = {
    "text": {"type": "text", "text": "Words."},
    "image": {"type": "image", "source": SOURCES["base64"]},
    "document": {"type": "document", "source": PAPER},
    "thinking": {"type": "thinking", "thinking": "So.", "signature": "s"},
    "redacted_thinking": {"type": "redacted_thinking", "data": "x"},
    "tool_use": USE,
    "tool_result": {"type": "tool_result", "tool_use_id": "t1", "content": "noon"},
}
OF_THE_MODEL = ("thinking", "redacted_thinking", "tool_use")
HOLDERS = (*(f"{TURN}[{kind}]" for kind in OBJECTS), *(f"{TURN}[tool_result].content[{kind}]" for kind in ("text", "image")))


def conversation(body: dict[str, Any]) -> dict[str, Any]:
    """The request with each block in a turn, and a place, that it may have."""
    asked = body["messages"][0]
    (kind,) = {block["type"] for block in asked["content"]} if isinstance(asked["content"], list) else {""}
    hello = {"role": "user", "content": "Hello."}
    if asked["role"] == "system":
        return {**body, "messages": [hello, asked]}
    if kind == "tool_result":
        return {**body, "tools": TOOLS, "messages": [hello, {"role": "assistant", "content": [USE]}, asked]}
    if kind in OF_THE_MODEL:
        used = asked["content"][0].get("id", "t1") if kind == "tool_use" else ""
        result = [{"type": "tool_result", "tool_use_id": used, "content": "noon"}] if used else "And?"
        said = {**asked, "role": "assistant"}
        return {**body, "tools": TOOLS, "messages": [hello, said, {"role": "user", "content": result}]}
    return body


TABLE = Table(
    rows=ROWS,
    base={"model": "claude-test", "max_tokens": 100, "messages": [{"role": "user", "content": "Hello."}]},
    objects={
        "messages[turn]": {"role": "user"},
        "messages[system]": {"role": "system"},
        **{f"{TURN}[{kind}]": each for kind, each in OBJECTS.items()},
        **{f"{TURN}[tool_result].content[{kind}]": OBJECTS[kind] for kind in ("text", "image")},
        **{f"{holder}.source[{kind}]": each for holder in HOLDERS for kind, each in SOURCES.items()},
        f"{TURN}[document].source[base64]": PAPER,
        **{f"{place}.cache_control": {"type": "ephemeral"} for place in (*HOLDERS, "system", "tools[custom]")},
        "messages[system].content": OBJECTS["text"],
        "cache_control": {"type": "ephemeral"},
        "output_config.format": {"type": "json_schema"},
        "system": OBJECTS["text"],
        "thinking[enabled]": {"type": "enabled", "budget_tokens": 1024},
        "thinking[adaptive]": {"type": "adaptive"},
        "tool_choice[auto]": {"type": "auto"},
        "tool_choice[any]": {"type": "any"},
        "tool_choice[tool]": {"type": "tool", "name": "clock"},
        "tools[custom]": {"name": "clock", "input_schema": {"type": "object"}},
        "tools[custom].input_schema": {"type": "object"},
    },
    around={
        "messages[turn]": listed,
        "messages[system]": listed,
        **{f"{TURN}[{kind}]": listed for kind in (*OBJECTS, *BLOCKS)},
        **{f"{TURN}[tool_result].content[{kind}]": listed for kind in ("text", "image", *ONLY_OF_RESULTS)},
        "messages[system].content": listed,
        "system": listed,
        **{f"tools[{kind}]": listed for kind in ("custom", *TOOLS_OF_ANTHROPIC)},
    },
    finish=conversation,
)
