"""The inner request as the body of Bedrock's Converse and ConverseStream, which have the same."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from apps.invocation.adapters.bedrock.families import Family, family, lost, thinking
from apps.invocation.adapters.bedrock.schemas import closed, fits
from apps.invocation.adapters.bedrock.turns import Turns, cache_point
from apps.invocation.invocations import OutputFormat, Request, Tool
from foundation.errors import Invalid

# By OpenAI's and Anthropic's names, and Bedrock's own; `optimized` is its latency-optimized inference.
TIERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "auto": {},
    "standard_only": {},
    "default": {"serviceTier": {"type": "default"}},
    "flex": {"serviceTier": {"type": "flex"}},
    "priority": {"serviceTier": {"type": "priority"}},
    "reserved": {"serviceTier": {"type": "reserved"}},
    "optimized": {"performanceConfig": {"latency": "optimized"}},
}
NOT_IN_METADATA: Final = re.compile(r"[^a-zA-Z0-9\s:_@$#=/+,.-]")  # RequestMetadata's pattern
NOT_IN_A_TOOL: Final = re.compile(r"[^a-zA-Z0-9_-]")
LONGEST_METADATA: Final = 256
MOST_METADATA: Final = 16
LONGEST_TOOL: Final = 64
ANSWER: Final = "Give the answer by using this tool."
READ: Final = ("messages", "system", "toolConfig", "additionalModelRequestFields")
ANY_OBJECT: Final = {"type": "object"}
INFERENCE: Final = (("max_tokens", "maxTokens"), ("temperature", "temperature"), ("top_p", "topP"), ("stop", "stopSequences"))
TUNING: Final = ("temperature", "top_p", "top_k", "stop", "seed", "frequency_penalty", "presence_penalty")


class Asked(Struct, frozen=True):
    """A body, and the name of the tool by whose input the model gives its answer, if it has to."""

    body: Mapping[str, Any]
    tool: str = ""

    @property
    def read(self) -> Mapping[str, Any]:
        """What of the body the model reads, as CountTokens has it."""
        return {"input": {"converse": {name: value for name, value in self.body.items() if name in READ}}}

    @property
    def encoded(self) -> bytes:
        """The body as JSON text."""
        return msgspec.json.encode(self.body)


def asked(request: Request) -> Asked:
    """The request, without what its model cannot honour: see `lost`. Invalid for what no form of Bedrock's holds."""
    row = family(request.model)
    left_out = lost(request.model, frozenset(name for name in TUNING if getattr(request, name) not in (None, ())))
    no_tools = not row.tools or (request.tool_choice is not None and request.tool_choice.mode == "none")
    tools = () if no_tools else request.tools
    form, tool = output(request, row)
    body: dict[str, Any] = {
        "messages": Turns(request, row, telling=not (tools or tool)).made(),
        "inferenceConfig": inference(request, left_out),
        "additionalModelRequestFields": {**extras(request, row, left_out), **thinking(request, row)},
        **form,
        **tier(request),
    }
    add_system(body, request, row)
    if tools or tool is not None:
        body["toolConfig"] = tool_config(request, row, tools, tool)
        body["additionalModelRequestFields"] |= serial(request, row, tools, tool)
    if request.guardrail is not None:
        body["guardrailConfig"] = {
            "guardrailIdentifier": request.guardrail.id,
            "guardrailVersion": request.guardrail.version,
            "trace": "enabled" if request.guardrail.trace else "disabled",
        }
    if request.labels:
        body["requestMetadata"] = metadata(request.labels)
    if row.stop_paths and request.stop:
        body["additionalModelResponseFieldPaths"] = row.stop_paths
    return Asked({name: value for name, value in body.items() if value}, "" if tool is None else tool.name)


def inference(request: Request, left_out: frozenset[str]) -> Mapping[str, Any]:
    """What all models have. Invalid for a temperature that none of them has."""
    made: dict[str, Any] = {}
    for field, name in INFERENCE:
        value = getattr(request, field)
        if value not in (None, ()) and field not in left_out:
            made[name] = value
    if made.get("temperature", 0) > 1:
        raise Invalid(f"temperature is {request.temperature}; on Bedrock it may be 0 to 1")
    return made


def extras(request: Request, row: Family, left_out: frozenset[str]) -> dict[str, Any]:
    """What only this family has, where it has it."""
    made: dict[str, Any] = {}
    for field, place in row.extras.items():
        value = getattr(request, field)
        if value is not None and field not in left_out:
            group, dot, name = place.rpartition(".")
            (made.setdefault(group, {}) if dot else made)[name] = value
    return made


def tier(request: Request) -> Mapping[str, Any]:
    """How fast and how dear; Invalid for a tier that Bedrock does not have."""
    if not request.service_tier:
        return {}
    found = TIERS.get(request.service_tier)
    if found is None:
        raise Invalid(f"service_tier is {request.service_tier[:50]!r}; on Bedrock it may be {', '.join(TIERS)}")
    return found


def add_system(body: dict[str, Any], request: Request, row: Family) -> None:
    """The system prompt, with its cache points; at the beginning of the first turn where the model has no place for it."""
    said = [part for part in request.system if part.text.strip()]
    if said and not row.system:
        turns = body["messages"]
        if turns[0]["role"] != "user":
            turns.insert(0, {"role": "user", "content": []})
        turns[0]["content"][:0] = [{"text": part.text} for part in said]
        return
    blocks: list[dict[str, Any]] = []
    for part in said:
        blocks.append({"text": part.text})
        if part.cache and "system" in row.caches:
            blocks.append(cache_point(part.cache, row))
    body["system"] = blocks


def output(request: Request, row: Family) -> tuple[Mapping[str, Any], Tool | None]:
    """How the answer is held to its form: by outputConfig where the model and the schema allow it, else by a tool that the
    model has to use. Invalid where it can be held by neither."""
    config: dict[str, Any] = {}
    if request.effort and row.thinking in ("either", "adaptive"):
        config["effort"] = request.effort
    wanted, tool = request.output, None
    if wanted is not None and row.schema and wanted.schema is not None and fits(wanted.schema):
        config["textFormat"] = text_format(wanted)
    elif wanted is not None:
        if not (row.forced and row.tools):
            raise Invalid(f"{request.model} cannot be held to this form of answer: it can be made to use no tool for it")
        if request.thinking_tokens and row.thinking in ("budget", "either"):
            raise Invalid(f"{request.model} cannot think and be held to this form of answer at once")
        told = f"{ANSWER} {wanted.description}".strip()
        tool = Tool(NOT_IN_A_TOOL.sub("_", wanted.name)[:LONGEST_TOOL] or "answer", told, wanted.schema or ANY_OBJECT)
    return ({"outputConfig": config} if config else {}), tool


def text_format(wanted: OutputFormat) -> Mapping[str, Any]:
    """The schema of the answer, which is text here."""
    schema = msgspec.json.encode(closed(wanted.schema or {})).decode()
    name = NOT_IN_A_TOOL.sub("_", wanted.name)[:LONGEST_TOOL]
    described = {"description": wanted.description} if wanted.description else {}
    return {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema, "name": name, **described}}}


def tool_config(request: Request, row: Family, tools: tuple[Tool, ...], answer: Tool | None) -> Mapping[str, Any]:
    """The tools, with their cache points, and which of them must be used. An answer's tool must, or another in its place."""
    specs: list[Mapping[str, Any]] = []
    for tool in (*tools, answer) if answer is not None else tools:
        specs.append({"toolSpec": spec(tool, row)})
        if tool.cache and "tools" in row.caches:
            specs.append(cache_point(tool.cache, row))
    choice = request.tool_choice
    if answer is not None:
        return {"tools": specs, "toolChoice": {"any": {}}}
    if choice is None or choice.mode == "auto" or serial(request, row, tools, answer):
        return {"tools": specs}
    return {"tools": specs, "toolChoice": {"tool": {"name": choice.name}} if choice.mode == "tool" else {"any": {}}}


def spec(tool: Tool, row: Family) -> Mapping[str, Any]:
    """One tool. No description is none: an empty one is refused."""
    made: dict[str, Any] = {"name": tool.name, "inputSchema": {"json": tool.schema or ANY_OBJECT}}
    if tool.description:
        made["description"] = tool.description
    if tool.strict and row.schema:
        made["strict"] = True
    return made


def serial(request: Request, row: Family, tools: tuple[Tool, ...], answer: Tool | None) -> Mapping[str, Any]:
    """One tool at a time, as Claude has it; its choice of a tool then stands here and not in toolConfig, as both may not."""
    if request.parallel_tools is not False or not row.serial or not tools or answer is not None:
        return {}
    choice = request.tool_choice
    made: dict[str, Any] = {"type": choice.mode if choice is not None else "auto", "disable_parallel_tool_use": True}
    if choice is not None and choice.mode == "tool":
        made["name"] = choice.name
    return {"tool_choice": made}


def metadata(labels: Mapping[str, str]) -> Mapping[str, str]:
    """The labels for Bedrock's invocation log: the first 16, in the characters that it takes."""
    cleaned = ((plain(name), plain(value)) for name, value in list(labels.items())[:MOST_METADATA])
    return {name: value for name, value in cleaned if name}


def plain(text: str) -> str:
    """A label's name or value, with _ for what Bedrock does not take."""
    return NOT_IN_METADATA.sub("_", text)[:LONGEST_METADATA]
