"""How long a search takes beside a brute-force floor in numpy, in the same run; medians, and how much of the truth is found.

Run: `python -m tests.bench.bench_vectors [rows]`. Vectors are random around 200 centres, 384 numbers each.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from apps.vectors.adapters import opensearch
from apps.vectors.adapters.lancedb import LanceVectors
from apps.vectors.ports import Filter, Row, Shelf, Source, VectorBackend, VectorRow
from foundation.settings import read_settings
from tests.servers.opensearch import opensearch as opensearch_server

DIMENSION = 384
CENTRES = 200
QUERIES = 100
LIMIT = 10
STEP = 2_000
SHELF = Shelf("bench", "store", "index")


def unit(vectors: np.ndarray) -> np.ndarray:
    """The same directions with length 1."""
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def clustered(chance: np.random.Generator, centres: np.ndarray, count: int) -> np.ndarray:
    """Directions around centres, as those of texts about some topics are."""
    return unit(centres[chance.integers(0, len(centres), count)] + 0.7 * chance.normal(size=(count, DIMENSION)))


def fill(backend: VectorBackend, vectors: np.ndarray) -> float:
    """Seconds to put all of them and settle."""
    begin = time.perf_counter()
    for start in range(0, len(vectors), STEP):
        backend.upsert(SHELF, [vector_row(number, vectors[number]) for number in range(start, min(start + STEP, len(vectors)))])
        backend.settle(SHELF, Source("job", f"f{start % 100}"))
    return time.perf_counter() - begin


def vector_row(number: int, vector: np.ndarray) -> VectorRow:
    """A row that has one word of its own and shares the others."""
    text = f"passage about topic{number % 500} with serial{number}"
    return VectorRow(Row(f"r{number}", text, Source("job", f"f{number % 100}"), 1, number), vector.tolist())


def timed(work: Callable[[int], object]) -> str:
    """Median and 99th percentile in milliseconds over all queries."""
    taken = []
    for number in range(QUERIES):
        begin = time.perf_counter()
        work(number)
        taken.append((time.perf_counter() - begin) * 1000)
    return f"{median(taken):7.2f} ms median {sorted(taken)[int(QUERIES * 0.99) - 1]:7.2f} ms p99"


def measure(backend: VectorBackend, vectors: np.ndarray, queries: np.ndarray) -> None:
    """Fill an index and search it in every way."""
    backend.create_store(SHELF.application, SHELF.store)
    backend.create_index(SHELF, DIMENSION)
    print(f"{len(vectors):,} rows; filled in {fill(backend, vectors):.1f} s")
    asked = [query.tolist() for query in queries]
    exact = [set(np.argsort(-(vectors @ query))[:LIMIT].tolist()) for query in queries]
    found = [{hit.row.number for hit in backend.nearest(SHELF, query, LIMIT, Filter())} for query in asked]
    recall = sum(len(a & b) for a, b in zip(exact, found, strict=True)) / (QUERIES * LIMIT)
    print("brute force in numpy  ", timed(lambda n: np.argpartition(-(vectors @ queries[n]), LIMIT)[:LIMIT]))
    nearest = timed(lambda n: backend.nearest(SHELF, asked[n], LIMIT, Filter()))
    print("nearest               ", nearest, f" recall {recall:.3f}")
    print("nearest, in one file  ", timed(lambda n: backend.nearest(SHELF, asked[n], LIMIT, Filter(file=f"f{n}"))))
    print("matching, common word ", timed(lambda n: backend.matching(SHELF, f"topic{n}", LIMIT, Filter())))
    print("matching, rare word   ", timed(lambda n: backend.matching(SHELF, f"serial{n * 31}", LIMIT, Filter())))


def main(rows: int = 20_000) -> None:
    chance = np.random.default_rng(7)
    centres = chance.normal(size=(CENTRES, DIMENSION))
    vectors, queries = clustered(chance, centres, rows), clustered(chance, centres, QUERIES)
    with tempfile.TemporaryDirectory() as folder:
        print("LanceDB")
        measure(LanceVectors(Path(folder)), vectors, queries)
        if not (shutil.which("java") and shutil.which("mvn")):
            return print("OpenSearch: needs Java and Maven")
        with opensearch_server(Path(folder)) as url:
            print("OpenSearch, one node on this machine, engine lucene")
            settings = {"VECTOR_STORE": "opensearch", "OPENSEARCH_URL": url, "OPENSEARCH_ENGINE": "lucene"}
            measure(opensearch.adapter(read_settings(settings)), vectors, queries)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
