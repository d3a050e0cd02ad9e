"""Vectors in an OpenSearch cluster, at OPENSEARCH_URL: an index of its own for each index of a store.

All stores share the cluster; the name of an index begins with the deployment, the application and the store, so that no
request of one application names what another has. OpenSearch Serverless is this with another client and other writes
(opensearchserverless.py).
"""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from opensearchpy import OpenSearch, Urllib3HttpConnection
from opensearchpy.exceptions import ConnectionError as Unreachable
from opensearchpy.exceptions import NotFoundError, OpenSearchException, RequestError, TransportError
from opensearchpy.helpers import streaming_bulk

from apps.vectors.adapters import opensearch_documents as documents
from apps.vectors.ports import Filter, Hit, Shelf, Source, StoreStatus, VectorRow
from foundation.ambient import now
from foundation.errors import Invalid, NotFound, Problem, Unavailable
from foundation.settings import Settings

logger = logging.getLogger(__name__)
for name in ("opensearch", "opensearchpy.trace"):  # the client logs what it sends, and each index that is not there
    logging.getLogger(name).setLevel(logging.ERROR)

SECONDS: Final = 30
CONNECTIONS: Final = 20
AT_ONCE: Final = 1_000  # documents of one page, and of one bulk request
BULK_BYTES: Final = 8 * 2**20  # Serverless refuses requests of over 10 MiB
BULK_TRIES: Final = 4  # after the first, for what was refused with 429: after 1, 2, 4 and 8 seconds
PATIENCE: Final = 25.0  # until a new index can be searched; an API Gateway gives up on a request after 29 seconds
POLL: Final = 0.2


def adapter(settings: Settings) -> "OpenSearchVectors":
    """The vectors of the cluster at OPENSEARCH_URL, whose user and password stand in the URL."""
    parts = urlsplit(settings.opensearch_url)
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return OpenSearchVectors(client(settings, login), settings.deployment, settings.opensearch_engine)


def client(settings: Settings, login: object) -> OpenSearch:
    """The client of OPENSEARCH_URL; `login` is a name with its password, or what signs requests."""
    parts = urlsplit(settings.opensearch_url)
    secure = parts.scheme == "https"
    host = {"host": parts.hostname, "port": parts.port or (443 if secure else 80), "url_prefix": parts.path}
    return OpenSearch(
        hosts=[host],
        use_ssl=secure,
        verify_certs=secure,
        ca_certs=settings.ca_file or None,
        http_auth=login,
        connection_class=Urllib3HttpConnection,
        pool_maxsize=CONNECTIONS,
        timeout=SECONDS,
        max_retries=2,
    )


@contextmanager
def answering(what: str) -> Iterator[None]:
    """Turns the client's exceptions into ours; what they say may hold passages, so that only their kind is told."""
    try:
        yield
    except Unreachable as failed:
        logger.warning("the vector store did not answer when asked to %s: %s", what, type(failed).__name__)
        raise Unavailable(f"the vector store could not {what}; try again", retry_after=5) from failed
    except TransportError as failed:
        kind = f"{failed.status_code} {failed.error}"
        logger.warning("the vector store could not %s: %s", what, kind)
        if not isinstance(failed.status_code, int) or failed.status_code == 429 or failed.status_code >= 500:
            raise Unavailable(f"the vector store could not {what}; try again", retry_after=5) from failed
        raise Problem(f"the vector store refuses to {what}: {kind}") from failed
    except OpenSearchException as failed:
        raise Problem(f"the vector store could not {what}: {type(failed).__name__}") from failed


class OpenSearchVectors:
    """The VectorBackend port on a cluster: a row's id is its document's, and a refresh shows what was written."""

    copies = 1  # documents of one row that a search may meet

    def __init__(self, store: OpenSearch, deployment: str, engine: str) -> None:
        self.client, self.deployment, self.engine = store, deployment, engine

    def create_store(self, application: str, store: str) -> None:
        documents.index_name(self.deployment, application, store)

    def delete_store(self, application: str, store: str) -> None:
        beginning = documents.index_name(self.deployment, application, store)
        with answering("remove a store"):
            for each in self.client.indices.resolve_index(name=f"{beginning}.*")["indices"]:
                self._remove(each["name"])

    def store_status(self, application: str, store: str) -> StoreStatus:
        with answering("tell of a store"):
            self.client.indices.exists(index=documents.index_name(self.deployment, application, store))
        return StoreStatus.ACTIVE

    def create_index(self, shelf: Shelf, dimension: int) -> None:
        with answering("make an index"):
            try:
                self.client.indices.create(index=self._name(shelf), body=documents.index_of(dimension, self.engine))
            except RequestError as refused:
                if refused.error != "resource_already_exists_exception":
                    raise
        end = time.monotonic() + PATIENCE
        while not self._usable(shelf):
            if time.monotonic() > end:
                raise Unavailable("the index is not ready yet; try again", retry_after=5)
            time.sleep(POLL)

    def delete_index(self, shelf: Shelf) -> None:
        with answering("remove an index"):
            self._remove(self._name(shelf))

    def has_index(self, shelf: Shelf) -> bool:
        with answering("look up an index"):
            try:
                self.client.search(index=self._name(shelf), body={"size": 0})
            except NotFoundError:
                return False
        return True

    def upsert(self, shelf: Shelf, rows: Sequence[VectorRow]) -> None:
        with self._asking(shelf, "keep rows"):
            dimension = self._dimension(shelf)
            wrong = next((each for each in rows if len(each.vector) != dimension), None)
            if wrong is not None:
                raise Invalid(f"a vector of {len(wrong.vector)} numbers does not fit an index of {dimension}")
            self._bulk(self._puts(shelf, rows, int(now().timestamp() * 1e6)))
            if self._dimension(shelf) is None:  # deleted meanwhile, and made by the write
                self._remove(self._name(shelf))
                raise NotFound("Index not found")

    def settle(self, shelf: Shelf, source: Source) -> None:
        with self._asking(shelf, "show rows"):
            self.client.indices.refresh(index=self._name(shelf))

    def present(self, shelf: Shelf, source: Source) -> frozenset[str]:
        with self._asking(shelf, "look up a file"):
            return frozenset(each["_source"]["id"] for each in self._documents(shelf, documents.of_source(source)))

    def delete_file(self, shelf: Shelf, source: Source) -> None:
        with self._asking(shelf, "remove a file"):
            self._bulk(self._removals(shelf, self._documents(shelf, documents.of_source(source))))
        self.settle(shelf, source)

    def nearest(self, shelf: Shelf, vector: Sequence[float], limit: int, only: Filter) -> Sequence[Hit]:
        found = self._found(shelf, limit, documents.near(vector, limit * self.copies, only))
        return [documents.hit(each, documents.cosine(each["_score"])) for each in found]

    def matching(self, shelf: Shelf, query: str, limit: int, only: Filter) -> Sequence[Hit]:
        found = self._found(shelf, limit, documents.with_words(query, only))
        return [documents.hit(each, each["_score"]) for each in found]

    def count(self, shelf: Shelf) -> int:
        with self._asking(shelf, "count"):
            found = self.client.search(index=self._name(shelf), body={"size": 0, "track_total_hits": True})
        return int(found["hits"]["total"]["value"])

    def _name(self, shelf: Shelf) -> str:
        return documents.index_name(self.deployment, shelf.application, shelf.store, shelf.index)

    def _usable(self, shelf: Shelf) -> bool:
        """Whether a new index can be searched; for a moment it is not known everywhere, and its shards have not started."""
        try:
            return self.has_index(shelf)
        except Unavailable:
            return False

    def _dimension(self, shelf: Shelf) -> int | None:
        """How many numbers a vector of the index has; None for an index that is not one of ours."""
        mapping = self.client.indices.get_mapping(index=self._name(shelf))[self._name(shelf)]["mappings"]
        dimension: int | None = mapping.get("properties", {}).get("vector", {}).get("dimension")
        return dimension

    @contextmanager
    def _asking(self, shelf: Shelf, what: str) -> Iterator[None]:
        """For a request to one index: NotFound without it, and Unavailable while it is known but not yet usable."""
        with answering(what):
            try:
                yield
            except NotFoundError as missing:
                if self.client.indices.exists(index=self._name(shelf)):
                    raise Unavailable("the index is not ready yet; try again", retry_after=5) from missing
                raise NotFound("Index not found") from missing

    def _found(self, shelf: Shelf, limit: int, query: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """The documents that a query finds, best first, one for each row."""
        body = {"size": limit * self.copies, "_source": list(documents.SHOWN), "query": query}
        with self._asking(shelf, "search"):
            found = self.client.search(index=self._name(shelf), body=body)
        return list(documents.newest(found["hits"]["hits"]))[:limit]

    def _documents(self, shelf: Shelf, query: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Every document that a query finds, in the order of rows and versions, with those two and its own id."""
        body: dict[str, Any] = {"size": AT_ONCE, "_source": ["id", "version"], "query": query}
        body["sort"] = [{"id": "asc"}, {"version": "asc"}]
        while True:
            page = self.client.search(index=self._name(shelf), body=body)["hits"]["hits"]
            yield from page
            if len(page) < AT_ONCE:
                return
            body["search_after"] = page[-1]["sort"]

    def _puts(self, shelf: Shelf, rows: Sequence[VectorRow], version: int) -> Iterator[Mapping[str, Any]]:
        for each in rows:
            yield {"_index": self._name(shelf), "_id": each.row.id, "_source": documents.document(each, version)}

    def _removals(self, shelf: Shelf, old: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        for each in list(old):
            yield {"_op_type": "delete", "_index": self._name(shelf), "_id": each["_id"]}

    def _bulk(self, actions: Iterable[Mapping[str, Any]]) -> None:
        """Send writes; each one's outcome is looked at. What is removed already is no failure."""
        outcomes = streaming_bulk(
            self.client,
            actions,
            chunk_size=AT_ONCE,
            max_chunk_bytes=BULK_BYTES,
            max_retries=BULK_TRIES,
            initial_backoff=1,
            raise_on_error=False,
        )
        told = [next(iter(outcome.items())) for well, outcome in outcomes if not well]
        failed = [outcome["status"] for verb, outcome in told if not (verb == "delete" and outcome["status"] == 404)]
        if failed:
            logger.warning("the vector store refused %d writes, the first with %s", len(failed), failed[0])
            lasting = any(400 <= status < 500 and status != 429 for status in failed)
            text = f"the vector store refused {len(failed)} writes"
            raise Problem(text) if lasting else Unavailable(f"{text}; try again", retry_after=10)

    def _remove(self, name: str) -> None:
        try:
            self.client.indices.delete(index=name)
        except NotFoundError:
            logger.debug("an index was removed already")
