"""Any server that speaks OpenAI's chat completions and embeddings: Ollama, vLLM, llama.cpp, OpenAI itself."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NoReturn

import msgspec
from aiohttp import ClientConnectorError, ClientError, ClientResponse, ClientSession, ClientTimeout
from aiohttp.http_exceptions import HttpProcessingError

from apps.invocation.adapters.openai_shapes import EmbeddingsAnswer, events
from apps.invocation.invocations import Completion, Embeddings, Event, Ranking, Request, complete
from apps.invocation.ports import Connection
from foundation.adapters import secrets
from foundation.errors import Invalid, Problem, TooMany, Unavailable, UpstreamFailed, UpstreamTimeout
from foundation.settings import Settings

TRIES: Final = 2
PAUSE: Final = 0.3
OVERLOADED: Final = frozenset({502, 503, 529})
TIMEOUT: Final = ClientTimeout(total=300, connect=5, sock_read=60)
LINE_LIMIT: Final = 2**20
TEXTS_AT_ONCE: Final = 96


def adapter(settings: Settings, connection: Connection) -> "OpenAICompatible":
    """The connection's server with its key, or that of OPENAI_BASE_URL."""
    if not connection.base_url:
        return OpenAICompatible(settings.openai_base_url, settings.openai_api_key)
    return OpenAICompatible(connection.base_url, secrets.get(connection.key) or "" if connection.key else "")


class OpenAICompatible:
    """The Provider port over HTTP, with one pool of connections for each event loop, closed when the loop ends."""

    honours = frozenset({"max_tokens", "temperature", "top_p", "stop"})

    def __init__(self, base_url: str, api_key: str = "", timeout: ClientTimeout = TIMEOUT) -> None:
        self.base_url, self.timeout = base_url.rstrip("/"), timeout
        self.headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.sessions: dict[asyncio.AbstractEventLoop, tuple[ClientSession, AsyncGenerator[ClientSession, None]]] = {}

    def prepare(self) -> None:
        """Nothing: the server is somebody else's."""

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        async with self._asked("chat/completions", chat(request)) as answer:
            async for event in events(answer, sum(len(message.text) for message in request.messages)):
                yield event

    async def complete(self, request: Request) -> Completion:
        return await complete(self.stream(request))

    async def rerank(self, model: str, query: str, documents: Sequence[str], top: int | None = None) -> Ranking:
        raise Invalid(f"{model} ranks no documents: OpenAI's API has no such endpoint")

    async def embed(self, model: str, texts: Sequence[str], dimensions: int | None = None) -> Embeddings:
        vectors: list[Sequence[float]] = []
        tokens = 0
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            part = list(texts[start : start + TEXTS_AT_ONCE])
            async with self._asked("embeddings", {"model": model, "input": part, "encoding_format": "float"}) as answer:
                made = read(await answer.read())
            found = [entry.embedding for entry in sorted(made.data, key=lambda entry: entry.index)]
            if len(found) != len(part):
                raise UpstreamFailed(f"{model} made {len(found)} embeddings of {len(part)} texts")
            vectors += found
            tokens += made.usage.prompt_tokens
        return Embeddings(vectors, tokens)

    @asynccontextmanager
    async def _asked(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[ClientResponse, None]:
        """The good answer to a POST. Tried twice where nothing was answered yet; what goes wrong is one of errors.py."""
        session = await self._session()
        try:
            async with await self._tried(session, f"{self.base_url}/{path}", msgspec.json.encode(body)) as answer:
                if answer.status != 200:
                    refuse(answer.status, await answer.text(errors="replace"), answer.headers)
                yield answer
        except TimeoutError as slow:
            raise UpstreamTimeout(f"the model server at {self.base_url} did not answer in time") from slow
        except ClientConnectorError as away:
            raise Unavailable(f"the model server at {self.base_url} cannot be reached: {away}", retry_after=5) from away
        except (ClientError, HttpProcessingError, ValueError) as broken:
            raise UpstreamFailed(f"the model server at {self.base_url} broke off its answer: {broken}") from broken

    async def _tried(self, session: ClientSession, url: str, body: bytes) -> ClientResponse:
        for attempt in range(1, TRIES + 1):
            try:
                answer = await session.post(url, data=body, headers={"Content-Type": "application/json"})
            except TimeoutError:
                raise
            except ClientError:
                if attempt == TRIES:
                    raise
            else:
                if answer.status not in OVERLOADED or attempt == TRIES:
                    return answer
                answer.release()
            await asyncio.sleep(PAUSE * attempt)
        raise AssertionError("the last attempt returns or raises")

    async def _session(self) -> ClientSession:
        loop = asyncio.get_running_loop()
        if loop not in self.sessions:
            holder = self._open(loop)
            self.sessions[loop] = (await anext(holder), holder)
        return self.sessions[loop][0]

    async def _open(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[ClientSession, None]:
        """Holds a session until the loop ends, for a loop closes its generators when it does."""
        try:
            async with ClientSession(timeout=self.timeout, headers=self.headers, read_bufsize=LINE_LIMIT) as session:
                yield session
        finally:
            self.sessions.pop(loop, None)


def chat(request: Request) -> Mapping[str, Any]:
    """The request as OpenAI's chat completions have it. top_k is no member of theirs; servers ignore it or know it."""
    said = [("system", part.text) for part in request.system] + [
        (message.role.value, message.text) for message in request.messages
    ]
    optional = {
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": list(request.stop[:4]) or None,  # OpenAI takes four
    }
    return {
        "model": request.model,
        "messages": [{"role": role, "content": text} for role, text in said],
        "stream": True,
        "stream_options": {"include_usage": True},
        **{name: value for name, value in optional.items() if value is not None},
    }


def read(body: bytes) -> EmbeddingsAnswer:
    """The embeddings in an answer; UpstreamFailed when it holds none."""
    try:
        return msgspec.json.decode(body, type=EmbeddingsAnswer)
    except (msgspec.MsgspecError, UnicodeDecodeError) as odd:
        raise UpstreamFailed(f"the model server's answer cannot be read: {odd}") from odd


REFUSALS: Final[Mapping[int, tuple[type[Problem], str]]] = {
    400: (Invalid, "the model server cannot do this"),
    401: (UpstreamFailed, "the model server does not accept OPENAI_API_KEY"),
    403: (UpstreamFailed, "the model server does not let OPENAI_API_KEY do this"),
    404: (Invalid, "the model server has no such model"),
    408: (UpstreamTimeout, "the model server did not answer in time"),
    413: (Invalid, "the request is too large for the model server"),
    422: (Invalid, "the model server cannot do this"),
    429: (TooMany, "the model server is over its limits"),
    503: (Unavailable, "the model server is overloaded"),
    504: (UpstreamTimeout, "the model server did not answer in time"),
    529: (Unavailable, "the model server is overloaded"),
}


def refuse(status: int, text: str, headers: Mapping[str, str]) -> NoReturn:
    """Raise what a bad status means, with the server's own words."""
    kind, meaning = REFUSALS.get(status, (UpstreamFailed, f"the model server failed with status {status}"))
    wait = headers.get("Retry-After", "")
    retry_after = min(int(wait), 3600) if wait.isascii() and wait.isdigit() and len(wait) < 10 else None
    raise kind(f"{meaning}: {said(text)}", retry_after=retry_after)


def said(text: str) -> str:
    """The message in an error's body, which is OpenAI's `error.message` or anything else."""
    try:
        error = msgspec.json.decode(text.encode())["error"]
        message = error["message"] if isinstance(error, dict) else error
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError):
        message = text
    return " ".join(str(message).split())[:500] or "it gave no reason"
