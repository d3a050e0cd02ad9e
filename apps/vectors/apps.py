"""Vectors: chunks of text in, the passages that answer a question out."""

from apps.vectors.records import IndexName, VectorIndex, VectorizedFile, VectorizeJob, VectorStore
from foundation.manifest import Action, Capability, Folder, Manifest, Queue, minutes


class Vectors(Capability):
    name = "apps.vectors"
    manifest = Manifest(
        title="Vectors",
        prefixes=("vector",),
        services=("vector", "vectorization"),
        records=(VectorStore, VectorIndex, IndexName, VectorizeJob, VectorizedFile),
        queues=(Queue("vectors", visibility=minutes(15), attempts=5),),
        files=(Folder("chunks", writes=False),),
        calls=("apps.chunking", "apps.invocation"),
        checks="apps.vectors.services:findings",
        actions=(
            Action(
                "aoss:APIAccessAll",
                "${CollectionArn}",
                "indexes, passages and searches in the collection",
                by=("apps.vectors.adapters.opensearch:client",),
            ),
        ),
    )
