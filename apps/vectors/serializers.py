"""The wire shapes of vectors."""

from typing import Any, Final

from rest_framework import serializers

from apps.vectors.searching import Mode
from foundation.wire import Identifier, Number, Text, Timestamp, Whole

LONGEST_QUERY: Final = 10_000


def default_tags() -> list[dict[str, str]]:
    """The tags of a store that was made without any."""
    return [{"key": "project", "value": "GenerativeAI"}]


class CreateStore(serializers.Serializer[Any]):
    """A store to make."""

    store_name = Text(help_text="At most 200 characters.")
    store_type = Text(help_text="opensearchserverless, opensearch or lancedb; each is kept by the backend of this platform.")
    description = Text(required=False, allow_null=True, default=None, max_length=10_000)
    tags = serializers.ListField(
        child=serializers.DictField(child=Text(max_length=1000)),
        required=False,
        default=default_tags,
        max_length=50,
        help_text="Maps with `key` and `value`.",
    )


class StoreById(serializers.Serializer[Any]):
    """A store by its id."""

    store_id = Identifier()


class CreatedStore(serializers.Serializer[Any]):
    """A store that was made."""

    store_name = Text(source="name")
    store_type = Text(source="type")
    store_id = Text(source="store")
    message = Text(default="Vector store created successfully")


class StoreStatusAnswer(serializers.Serializer[Any]):
    """Where a store stands."""

    store_id = Text()
    status = Text(help_text="CREATING, ACTIVE, DELETING, FAILED or NOT_FOUND.")


class StoreInList(serializers.Serializer[Any]):
    """A store in a list."""

    store_id = Text(source="store")
    store_type = Text(source="type")


class CreateIndex(serializers.Serializer[Any]):
    """An index to make."""

    store_id = Identifier()
    index_name = Text(help_text="At most 200 characters; a name that the store has already returns that index.")
    embedding_model = Identifier(
        required=False, allow_null=True, default=None, help_text="The model of its vectors; by default the platform's."
    )


class IndexById(serializers.Serializer[Any]):
    """An index by its id."""

    index_id = Identifier()


class CreatedIndex(serializers.Serializer[Any]):
    """An index that is usable."""

    index_name = Text(source="index.name")
    index_id = Text(source="index.index")
    store_id = Text(source="store.store")
    store_type = Text(source="store.type")
    message = Text(default="Index created successfully")
    embedding_model = Text(source="index.model", help_text="The model that makes its vectors.")


class IndexStatusAnswer(serializers.Serializer[Any]):
    """Where an index stands."""

    index_id = Text()
    status = Text(help_text="ACTIVE, or NOT_FOUND_OR_READY.")


class IndexInList(serializers.Serializer[Any]):
    """An index in a list."""

    index_id = Text(source="index")
    index_name = Text(source="name")
    embedding_model = Text(source="model")


class Vectorize(serializers.Serializer[Any]):
    """A chunking job to put into an index."""

    chunking_job_id = Identifier()
    index_id = Identifier()


class VectorizeJob(serializers.Serializer[Any]):
    """A vectorize job."""

    vectorize_job_id = Text(source="job")
    vector_store_id = Text(source="store")
    index_id = Text(source="index")
    chunking_job_id = Text(source="chunking_job")
    total_file_count = serializers.IntegerField(source="total")
    completed_file_count = serializers.IntegerField(source="completed")
    failed_file_count = serializers.IntegerField(source="failed")
    status = Text(help_text="STARTED, IN_PROGRESS, COMPLETED, COMPLETED_WITH_ERRORS or FAILED.")


class VectorizeJobInList(VectorizeJob):
    """A vectorize job in a list."""

    created_at = Timestamp(source="created")
    queued_files = serializers.IntegerField(source="queued")
    updated_at = Timestamp(source="updated")


class VectorizedFile(serializers.Serializer[Any]):
    """One file of a vectorize job."""

    file_name = Text(source="name")
    status = Text(help_text="QUEUED, COMPLETED or FAILED.")
    vector_count = serializers.IntegerField(source="vectors")
    reason = Text(allow_null=True, help_text="Why it failed.")
    updated_at = Timestamp(source="updated")


class SearchFilter(serializers.Serializer[Any]):
    """Which passages may be found."""

    file_name = Identifier(required=False, allow_null=True, default=None)
    chunking_job_id = Identifier(required=False, allow_null=True, default=None)


class Search(serializers.Serializer[Any]):
    """A question to an index."""

    query = Text(max_length=LONGEST_QUERY)
    index_id = Identifier()
    limit = Whole(required=False, default=4, min_value=1, max_value=100, help_text="At most this many passages.")
    mode = serializers.ChoiceField(
        [mode.value for mode in Mode], required=False, default=Mode.HYBRID.value, help_text="By meaning, by words, or by both."
    )
    filter = SearchFilter(required=False, default=dict)


class Passage(serializers.Serializer[Any]):
    """A passage that was found, and where it comes from."""

    text = Text(source="row.text")
    score = Number(help_text="The higher the better, within one answer.")
    file_name = Text(source="row.source.file")
    page_number = serializers.IntegerField(source="row.page")
    chunk_number = serializers.IntegerField(source="row.number")
    chunking_job_id = Text(source="row.source.chunking_job")
