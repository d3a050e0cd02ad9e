"""Reranking, member by member, as Cohere, Jina and vLLM document it; no SDK of theirs is here.

docs.cohere.com/reference/rerank and /v1/reference/rerank, jina.ai/reranker, docs.vllm.ai (serving/openai_compatible_server).
"""

from typing import Any, Required, TypedDict

from tests.invocation.members.walking import Row, Table, here, honoured, reported


class RerankParams(TypedDict, total=False):
    """What their requests may have."""

    model: Required[str]
    query: Required[str]
    documents: Required[list[Any]]
    top_n: int
    return_documents: bool
    max_tokens_per_doc: int
    max_chunks_per_doc: int
    rank_fields: list[str]
    priority: int
    truncation: bool
    truncate_prompt_tokens: int
    user: str


SHAPE = RerankParams
KINDS: dict[str, str] = {}
ROWS: dict[str, Row] = {
    "model": honoured("ranks", "gpt-4o"),
    "query": honoured("Which words?"),
    "documents": honoured(["Some words."]),
    "top_n": honoured(1),
    "return_documents": here(True),
    "max_tokens_per_doc": reported(100),
    "max_chunks_per_doc": reported(1),
    "rank_fields": reported(["title"]),
    "priority": reported(1),
    "truncation": reported(True),
    "truncate_prompt_tokens": reported(100),
    "user": reported("somebody"),
}
TABLE = Table(rows=ROWS, base={"model": "ranks", "query": "Which?", "documents": ["a", "b"]}, objects={}, around={})
