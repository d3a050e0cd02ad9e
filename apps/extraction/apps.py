"""Extraction: documents in, pages of text with their layout and tables out."""

from apps.extraction.records import ExtractedFile, ExtractionJob, Line, WaitingFile
from foundation.manifest import Action, Capability, Folder, Manifest, Queue, minutes


class Extraction(Capability):
    name = "apps.extraction"
    manifest = Manifest(
        title="Extraction",
        prefixes=("document/extraction",),
        services=("document",),
        records=(ExtractionJob, ExtractedFile, WaitingFile, Line),
        queues=(Queue("extraction", visibility=minutes(15), attempts=5),),
        files=(
            Folder("uploads", writes=True, days=30),
            Folder("documents", writes=True),
            Folder("parts", writes=True, days=7),
            Folder("extracted", writes=True),
        ),
        actions=(
            Action(
                "textract:StartDocumentAnalysis",
                "*",
                "Textract fetches a document with the role's own s3:GetObject and reads it; no narrower resource",
                by=("apps.extraction.adapters.textract:Textract._begin",),
            ),
            Action(
                "textract:GetDocumentAnalysis",
                "*",
                "its job is asked for, its pages are fetched; no narrower resource",
                by=("apps.extraction.adapters.textract:Textract._asked",),
            ),
        ),
    )
