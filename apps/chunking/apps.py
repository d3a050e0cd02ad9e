"""Chunking: the pages of extracted documents in, chunks of their text out."""

from apps.chunking.records import ChunkedFile, ChunkingJob
from foundation.manifest import Capability, Folder, Manifest, Queue, minutes


class Chunking(Capability):
    name = "apps.chunking"
    manifest = Manifest(
        title="Chunking",
        prefixes=("document/chunking",),
        services=("chunking",),
        records=(ChunkingJob, ChunkedFile),
        queues=(Queue("chunking", visibility=minutes(15), attempts=5),),
        files=(Folder("chunks", writes=True), Folder("extracted", writes=False)),
        calls=("apps.extraction",),
    )
