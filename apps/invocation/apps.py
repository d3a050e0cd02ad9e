"""What invocation is: every model behind one door, called at once or by a queue."""

from apps.invocation.batches.records import FOLDER, Batch, UploadedFile
from apps.invocation.records import AsyncInvocation, CachedAnswer, CachedMeanings, CatalogueRow
from foundation.manifest import Capability, Folder, Manifest, Queue, minutes


class InvocationConfig(Capability):
    name = "apps.invocation"
    manifest = Manifest(
        title="Models",
        prefixes=("model", "v1"),
        whole_paths=True,
        services=("model",),
        records=(AsyncInvocation, CatalogueRow, CachedAnswer, CachedMeanings, Batch, UploadedFile),
        queues=(
            Queue("invocation", visibility=minutes(15), attempts=3),
            Queue("batches", visibility=minutes(30), attempts=5),  # of its own: a long batch holds up no single invocation
        ),
        files=(Folder("invocations", writes=True), Folder(FOLDER, writes=True, days=31)),
        uploads=("v1/files",),
        calls=("apps.applications", "apps.usage"),
        actions=(
            "bedrock:InvokeModel",
            "bedrock:InvokeModelWithResponseStream",
            "bedrock:CountTokens",
            "bedrock:ApplyGuardrail",
            "bedrock:ListFoundationModels",
            "bedrock:ListInferenceProfiles",
        ),
        hot="apps.invocation.gateway:routes",
        prepare="apps.invocation.services:prepare",
        checks="apps.invocation.services:findings",
    )
