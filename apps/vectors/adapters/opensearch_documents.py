"""What OpenSearch is told and tells: the shape of an index, of a document, of a query, of a find. Pure; no I/O.

Vectors are kept with length 1 and compared by their inner product, which is then the cosine: that way of faiss and of Lucene
is open to every engine and to OpenSearch Serverless.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from apps.vectors.ports import Filter, Hit, Row, Source, VectorRow
from foundation.errors import Invalid

SHOWN: Final = ("id", "text", "chunking_job", "file", "page", "number", "version")
SAFE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
COMPARED: Final = 100  # neighbours that the graph looks at for one search, however few are wanted
MOST_WORDS: Final = 1_000  # a query of more than 1,024 clauses is refused
WORD: Final = re.compile(r"\w+")
GRAPH: Final = {"m": 16, "ef_construction": 128}
WORDS: Final = {
    "analyzer": {
        "passages": {
            "type": "custom",
            "tokenizer": "standard",
            "filter": ["cjk_width", "lowercase", "cjk_bigram", "words_without_meaning", "asciifolding", "word_forms"],
        }
    },
    "filter": {
        "words_without_meaning": {"type": "stop", "stopwords": "_english_"},
        "word_forms": {"type": "stemmer", "language": "english"},
    },
}


def index_name(*parts: str) -> str:
    """The name of an index, or the beginning of one; Invalid for parts that cannot be in it."""
    if not all(SAFE.fullmatch(part) for part in parts):
        raise Invalid(f"{'/'.join(parts)[:100]!r} cannot be the place of a store or index")
    return ".".join(parts)


def index_of(dimension: int, engine: str) -> Mapping[str, Any]:
    """The settings and fields of an index for vectors of this many numbers."""
    method = {"name": "hnsw", "engine": engine, "space_type": "innerproduct", "parameters": GRAPH}
    keywords = {name: {"type": "keyword"} for name in ("id", "chunking_job", "file")}
    numbers = {name: {"type": "integer", "index": False} for name in ("page", "number")}
    return {
        "settings": {"index": {"knn": True}, "analysis": WORDS},
        "mappings": {
            "dynamic": False,
            "properties": {
                **keywords,
                **numbers,
                "version": {"type": "long"},
                "text": {"type": "text", "analyzer": "passages"},
                "vector": {"type": "knn_vector", "dimension": dimension, "method": method},
            },
        },
    }


def document(put: VectorRow, version: int) -> dict[str, Any]:
    """A row as it is stored; of two documents of one row, the one of the higher version holds."""
    row = put.row
    return {
        "id": row.id,
        "text": row.text,
        "chunking_job": row.source.chunking_job,
        "file": row.source.file,
        "page": row.page,
        "number": row.number,
        "version": version,
        "vector": unit(put.vector),
    }


def unit(vector: Sequence[float]) -> list[float]:
    """The same direction with length 1, in as many digits as the store keeps. A vector without direction stays as it is."""
    numbers = np.asarray(vector, dtype=np.float64)
    length = np.linalg.norm(numbers)
    scaled: list[float] = (numbers / length if length else numbers).round(8).tolist()
    return scaled


def cosine(score: float) -> float:
    """The inner product that OpenSearch made a score of, which is never negative: 1 + p, or 1 / (1 - p) where p < 0."""
    return score - 1 if score >= 1 else 1 - 1 / score


def lets_through(only: Filter) -> list[dict[str, Any]]:
    """A filter as clauses that must all hold."""
    wanted = {"file": only.file, "chunking_job": only.chunking_job}
    return [{"term": {name: value}} for name, value in wanted.items() if value is not None]


def near(vector: Sequence[float], limit: int, only: Filter) -> Mapping[str, Any]:
    """The query for the rows whose vectors are nearest."""
    asked: dict[str, Any] = {"vector": unit(vector), "k": max(limit, COMPARED)}
    clauses = lets_through(only)
    if clauses:
        asked["filter"] = {"bool": {"filter": clauses}}
    return {"knn": {"vector": asked}}


def with_words(query: str, only: Filter) -> Mapping[str, Any]:
    """The query for the rows that share words with `query`."""
    return {"bool": {"must": [{"match": {"text": {"query": words_of(query)}}}], "filter": lets_through(only)}}


def words_of(query: str) -> str:
    """The first different words of a query, as many as one search may hold. Outside ASCII each character may be one."""
    left, words = MOST_WORDS, []
    for word in dict.fromkeys(match.group().lower() for match in WORD.finditer(query)):
        left -= 1 + len(word) // 255 if word.isascii() else len(word)
        if left < 0:
            break
        words.append(word)
    return " ".join(words)


def of_rows(ids: Sequence[str]) -> Mapping[str, Any]:
    """The query for the documents of some rows."""
    return {"terms": {"id": list(ids)}}


def of_source(source: Source) -> Mapping[str, Any]:
    """The query for the documents of one file."""
    return {"bool": {"filter": lets_through(Filter(source.file, source.chunking_job))}}


def newest(found: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The finds in their order, of each row only the document of the highest version."""
    finds = list(found)
    highest: dict[str, int] = {}
    for each in finds:
        row, version = each["_source"]["id"], each["_source"]["version"]
        highest[row] = max(version, highest.get(row, version))
    told = set()
    for each in finds:
        row = each["_source"]["id"]
        if row not in told and each["_source"]["version"] == highest[row]:
            told.add(row)
            yield each


def hit(found: Mapping[str, Any], score: float) -> Hit:
    """A find as a row with its score."""
    held = found["_source"]
    source = Source(held["chunking_job"], held["file"])
    return Hit(Row(held["id"], held["text"], source, held["page"], held["number"]), score)
