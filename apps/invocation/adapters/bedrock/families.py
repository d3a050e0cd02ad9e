"""How the families of models on Bedrock differ in what Converse takes of them: a table, and who is in which row.

Converse is one form for all, except for what is here. What a row does not say is passed on, and Bedrock refuses it with
words of its own where the model does not have it. Sources: docs.aws.amazon.com/bedrock/latest/userguide, the pages
conversation-inference-supported-models-features, model-parameters, structured-output and prompt-caching (read 2026-11);
recorded answers of Bedrock in pydantic/pydantic-ai, tests/models/cassettes/test_bedrock; and the issues that rows name.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from msgspec import Struct

from apps.invocation.invocations import Request

SAMPLING: Final = frozenset({"temperature", "top_p"})
ANY_NEIGHBOURS: Final = frozenset({"text", "image", "document"})


class Family(Struct, frozen=True):
    """One row. `ids`: how the ids of its models begin, without the prefix of an inference profile.

    extras: fields of Request that go to additionalModelRequestFields, and where there (`a.b` is b inside a).
    sampling: which of temperature and top_p it takes, and `together` whether it takes both at once. system: whether it takes
    a system prompt; else that begins the first turn. caches: where cache points may stand. schema: whether it can be held to
    a JSON schema; tools: whether it uses tools; forced: whether it can be made to; stops: whether it takes stop sequences.
    thinking: how it is asked to think, a name in HEARD. thoughts: whether it takes its own thoughts back. neighbours: what
    may stand beside the results of tools in one turn. marks: whether it takes the status of a tool's result. serial: whether
    it can be told to use one tool at a time. stop_paths: where its answer says which stop sequence ended it.
    counts: whether Bedrock counts its tokens beforehand.
    """

    ids: tuple[str, ...]
    extras: Mapping[str, str] = {}
    sampling: frozenset[str] = SAMPLING
    together: bool = True
    system: bool = True
    caches: frozenset[str] = frozenset()
    schema: bool = False
    tools: bool = True
    forced: bool = True
    stops: bool = True
    thinking: str = ""
    thoughts: bool = False
    neighbours: frozenset[str] = ANY_NEIGHBOURS
    marks: bool = False
    serial: bool = False
    stop_paths: tuple[str, ...] = ()
    counts: bool = False


def claude(*ids: str, **more: Any) -> Family:
    """A row of Claude models. A document beside a tool's result is refused (pydantic/pydantic-ai#6081)."""
    common: dict[str, Any] = {
        "extras": {"top_k": "top_k"},
        "caches": frozenset({"messages", "system", "tools"}),
        "thoughts": True,
        "neighbours": frozenset({"text", "image"}),
        "marks": True,
        "serial": True,
        "stop_paths": ("/stop_sequence",),
        "counts": True,
    }
    return Family(tuple(f"anthropic.claude-{each}" for each in ids), **{**common, **more})


PENALTIES: Final = {"frequency_penalty": "frequency_penalty", "presence_penalty": "presence_penalty"}
NO_SAMPLING: Final[Mapping[str, Any]] = {"sampling": frozenset(), "extras": {}}
MARKED: Final[Mapping[str, Any]] = {"marks": True, "caches": frozenset({"messages", "system"})}
FAMILIES: Final[tuple[Family, ...]] = (
    claude("v2", "instant", thoughts=False, caches=frozenset(), serial=False, tools=False, counts=False),
    claude("3-7", thinking="budget"),
    claude("3", thoughts=False),
    claude("sonnet-4-2", "opus-4-2", thinking="budget"),  # their ids go on with the year
    # temperature and top_p exclude each other from here on (browser-use/browser-use#5448)
    claude("opus-4-1", thinking="budget", together=False),
    claude("sonnet-4-5", "haiku-4-5", "opus-4-5", thinking="budget", together=False, schema=True),
    claude("sonnet-4-6", "opus-4-6", thinking="either", together=False, schema=True),
    # sampling is gone (egoist/chatwise-releases#1393); the newest cannot be made to use a tool (vercel/ai#21364,
    # langchain-ai/langchain-aws#1274), and those before them cannot be held to a schema (truefoundry/models#1314)
    claude("opus-5-5", "fable-5-1", "mythos-5-1", thinking="adaptive", **NO_SAMPLING, schema=True, forced=False),
    claude("opus-4-7", "opus-4-8", "opus-5", "sonnet-5", "fable-5", "mythos-5", thinking="adaptive", **NO_SAMPLING),
    claude("", thinking="adaptive", **NO_SAMPLING, schema=True, forced=False),
    Family(("amazon.nova-2",), {"top_k": "inferenceConfig.topK"}, thinking="nova", thoughts=True, **MARKED),
    Family(("amazon.nova",), {"top_k": "inferenceConfig.topK"}, **MARKED),
    Family(("amazon.titan",), system=False, tools=False),
    Family(("cohere.command-r",), {"top_k": "k", "seed": "seed", **PENALTIES}),
    Family(("cohere.command-text", "cohere.command-light"), {"top_k": "k"}, system=False, tools=False),
    Family(("ai21.jamba",), PENALTIES),
    Family(("ai21.",), system=False, tools=False),
    Family(("meta.llama2", "meta.llama3-8b", "meta.llama3-70b"), tools=False),
    Family(("meta.",), forced=False, neighbours=frozenset()),
    Family(("mistral.mistral-7b", "mistral.mixtral"), {"top_k": "top_k"}, system=False, tools=False),
    Family(
        ("mistral.magistral-small", "mistral.ministral-3", "mistral.mistral-large-3", "mistral.voxtral"),
        schema=True,
        neighbours=frozenset(),
    ),
    Family(("mistral.",), neighbours=frozenset()),
    Family(("qwen.qwen3",), thinking="qwen", schema=True, stops=False),  # langgenius/dify-official-plugins#1767
    Family(("openai.gpt-oss",), thinking="openai", schema=True, stops=False),  # crewAIInc/crewAI#4046
    Family(("google.gemma-3-12b", "google.gemma-3-27b"), schema=True),
    Family(("deepseek.r1",), thoughts=True),
    Family(("deepseek.v3", "minimax.minimax", "moonshot", "nvidia.nemotron", "zai.glm"), schema=True),
)
UNKNOWN: Final = Family(("",))
PROFILE: Final = re.compile(r"(?:us|eu|apac|au|jp|us-gov|global|ca|sa|me|af|il|mx)\.(?=[a-z0-9]+\.)")


def foundation(model: str) -> str:
    """The id of the foundation model that an inference profile's id or an ARN names.

    An ARN of the account's own (an application's inference profile, a provisioned model) does not tell: `ARN#id` does, with
    the id of the model behind it.
    """
    called, _, behind = model.partition("#")
    return PROFILE.sub("", (behind or called).rpartition("/")[2], count=1)


@cache
def family(model: str) -> Family:
    """The row of a model by its id; that of no family, where the id does not tell which model it is."""
    bare = foundation(model)
    return next((row for row in FAMILIES if bare.startswith(row.ids)), UNKNOWN)


QWEN: Final = {"minimal": "low", "low": "low"}


def thinking(request: Request, row: Family) -> Mapping[str, Any]:
    """What additionalModelRequestFields hold so that the model thinks as asked; nothing where it cannot be asked."""
    tokens, mode, effort = request.thinking_tokens, request.thinking_mode, request.effort
    match row.thinking:
        case "budget" | "either" if tokens:
            return {"thinking": {"type": "enabled", "budget_tokens": tokens}}
        case "budget" | "either" | "adaptive" if mode == "off":
            return {"thinking": {"type": "disabled"}}
        case "either" | "adaptive" if tokens or mode:
            return {"thinking": {"type": "between_tools" if mode == "between_tools" else "adaptive"}}
        case "openai" if effort:
            return {"reasoning_effort": effort}
        case "qwen" if effort:
            return {"reasoning_config": QWEN.get(effort, "high")}
        case "nova" if effort:
            return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}}
    return {}


HEARD: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset(),
    "budget": frozenset({"thinking_tokens"}),
    "either": frozenset({"thinking_tokens", "thinking_mode", "effort"}),
    "adaptive": frozenset({"thinking_tokens", "thinking_mode", "effort"}),
    "openai": frozenset({"effort"}),
    "qwen": frozenset({"effort"}),
    "nova": frozenset({"effort"}),
}
THINKING: Final = frozenset({"thinking_tokens", "thinking_mode", "effort"})
HINTS: Final = frozenset({"top_k", "seed", "frequency_penalty", "presence_penalty"})
SWITCHES: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    ("tools", frozenset({"tools", "tool_choice", "parallel_tools", "output"})),
    ("schema", frozenset({"strict_tools"})),
    ("stops", frozenset({"stop"})),
    ("serial", frozenset({"parallel_tools"})),
    ("caches", frozenset({"cache"})),
    ("thoughts", frozenset({"thinking"})),
)


@cache
def lost(model: str, asks: frozenset[str]) -> frozenset[str]:
    """Of what a request asks for (fields of Request, kinds of parts, `cache`): what this model cannot honour of that.

    temperature and top_p are lost together or not at all, save where they exclude each other: then it is top_p.
    """
    row = family(model)
    without = (THINKING - HEARD[row.thinking]) | (HINTS - row.extras.keys()) | (SAMPLING - row.sampling)
    for switch, names in SWITCHES:
        if not getattr(row, switch):
            without |= names
    if not row.together and asks >= SAMPLING:
        without |= {"top_p"}
    if not (row.schema or row.forced):
        without |= {"output"}
    return asks & without
