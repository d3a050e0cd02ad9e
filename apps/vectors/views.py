"""/vector over HTTP."""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.vectors import serializers as shapes
from apps.vectors import services
from apps.vectors.records import VectorIndex, VectorizedFile, VectorizeJob, VectorStore
from foundation.endpoint import Endpoint
from foundation.identity import Caller
from foundation.records import Page


class CreateStore(Endpoint):
    """Make a vector store."""

    request_shape, response_shape = shapes.CreateStore, shapes.CreatedStore

    def post(self, caller: Caller, wanted: dict[str, Any]) -> VectorStore:
        return services.create_store(caller, wanted["store_name"], wanted["store_type"], wanted["description"], wanted["tags"])


class StoreStatus(Endpoint):
    """Where a vector store stands."""

    request_shape, response_shape = shapes.StoreById, shapes.StoreStatusAnswer

    def post(self, caller: Caller, wanted: dict[str, Any]) -> Mapping[str, str]:
        return {"store_id": wanted["store_id"], "status": services.store_status(caller, wanted["store_id"])}


class DeleteStore(Endpoint):
    """Remove a vector store with all of its indexes."""

    request_shape, response_shape = shapes.StoreById, shapes.StoreInList

    def post(self, caller: Caller, wanted: dict[str, Any]) -> VectorStore:
        return services.delete_store(caller, wanted["store_id"])


class Stores(Endpoint):
    """The application's vector stores, oldest first."""

    response_shape, many, paged = shapes.StoreInList, True, True

    def post(self, caller: Caller, limit: int, cursor: str | None) -> Page[VectorStore]:
        return services.stores(caller.application, limit=limit, cursor=cursor)


class CreateIndex(Endpoint):
    """Make an index in a vector store; a name that the store has already gives the index that has it."""

    request_shape, response_shape = shapes.CreateIndex, shapes.CreatedIndex

    def post(self, caller: Caller, wanted: dict[str, Any]) -> services.PlacedIndex:
        return services.create_index(caller, wanted["store_id"], wanted["index_name"], wanted["embedding_model"])


class IndexStatus(Endpoint):
    """Where an index stands."""

    request_shape, response_shape = shapes.IndexById, shapes.IndexStatusAnswer

    def post(self, caller: Caller, wanted: dict[str, Any]) -> Mapping[str, str]:
        return {"index_id": wanted["index_id"], "status": services.index_status(caller, wanted["index_id"])}


class DeleteIndex(Endpoint):
    """Remove an index with its vectors."""

    request_shape, response_shape = shapes.IndexById, shapes.IndexInList

    def post(self, caller: Caller, wanted: dict[str, Any]) -> VectorIndex:
        return services.delete_index(caller, wanted["index_id"])


class Indexes(Endpoint):
    """The indexes of a vector store, oldest first."""

    response_shape, many, paged = shapes.IndexInList, True, True

    def get(self, caller: Caller, store_id: str, limit: int, cursor: str | None) -> Page[VectorIndex]:
        return services.indexes(caller, store_id, limit=limit, cursor=cursor)


class Vectorize(Endpoint):
    """Start putting the chunks of a chunking job into an index."""

    request_shape, response_shape = shapes.Vectorize, shapes.VectorizeJob

    def post(self, caller: Caller, wanted: dict[str, Any]) -> VectorizeJob:
        return services.vectorize(caller, wanted["chunking_job_id"], wanted["index_id"])


class Job(Endpoint):
    """Where a vectorize job stands."""

    response_shape = shapes.VectorizeJob

    def get(self, caller: Caller, job_id: str) -> VectorizeJob:
        return services.job(caller, job_id)


class JobFiles(Endpoint):
    """The files of a vectorize job: how each ended, and why it failed."""

    response_shape, many, paged = shapes.VectorizedFile, True, True

    def get(self, caller: Caller, job_id: str, limit: int, cursor: str | None) -> Page[VectorizedFile]:
        return services.job_files(caller, job_id, limit=limit, cursor=cursor)


class Jobs(Endpoint):
    """The application's vectorize jobs, newest first."""

    response_shape, many, paged = shapes.VectorizeJobInList, True, True

    def get(self, caller: Caller, limit: int, cursor: str | None) -> Page[VectorizeJob]:
        return services.jobs(caller.application, limit=limit, cursor=cursor)


class Search(Endpoint):
    """The passages of an index that answer a question, best first."""

    request_shape, response_shape, many, asks_models = shapes.Search, shapes.Passage, True, True

    def post(self, caller: Caller, wanted: dict[str, Any]) -> Sequence[services.Hit]:
        only = services.Filter(wanted["filter"].get("file_name"), wanted["filter"].get("chunking_job_id"))
        return services.search(
            caller, wanted["index_id"], wanted["query"], limit=wanted["limit"], mode=services.Mode(wanted["mode"]), only=only
        )
