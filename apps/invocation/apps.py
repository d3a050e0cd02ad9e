"""What invocation is: every model behind one door, called at once or by a queue."""

from apps.invocation.batches.records import FOLDER, Batch, BatchPart, UploadedFile
from apps.invocation.records import AsyncInvocation, CachedAnswer, CachedMeanings, CatalogueRow
from foundation.manifest import Action, Capability, Folder, Manifest, Queue, minutes

MODELS = "arn:${AWS::Partition}:bedrock:*::foundation-model/*"  # any region: a profile calls models of several
PROFILES = "arn:${AWS::Partition}:bedrock:*:${AWS::AccountId}:*inference-profile/*"
GUARDRAILS = "arn:${AWS::Partition}:bedrock:*:${AWS::AccountId}:guardrail/*"
MODEL_KEYS = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${Deployment}/model-key-*"
BEDROCK = "apps.invocation.adapters.bedrock.provider"
LISTED = ("apps.invocation.adapters.bedrock.lifecycles:lifecycles",)
WHOLE = tuple(f"{BEDROCK}:Bedrock.{asking}" for asking in ("complete", "_embedded", "rerank"))
STREAMED = (f"{BEDROCK}:Bedrock.stream",)
KEYS_READ = (
    *(f"apps.invocation.adapters.{each}.provider:adapter" for each in ("anthropic", "bedrock", "openai")),
    "apps.invocation.adapters.bedrock.lifecycles:control_plane",
)
KEYS_KEPT = ("apps.invocation.listing:keep_model_key",)


class InvocationConfig(Capability):
    name = "apps.invocation"
    manifest = Manifest(
        title="Models",
        prefixes=("model", "v1"),
        whole_paths=True,
        services=("model",),
        records=(AsyncInvocation, CatalogueRow, CachedAnswer, CachedMeanings, Batch, BatchPart, UploadedFile),
        queues=(
            Queue("invocation", visibility=minutes(15), attempts=3),
            Queue("batches", visibility=minutes(30), attempts=5),  # of its own: a long batch holds up no single invocation
        ),
        files=(Folder("invocations", writes=True, days=2), Folder(FOLDER, writes=True, days=31)),
        uploads=("v1/files",),
        keys=("v1",),
        calls=("apps.applications", "apps.usage"),
        actions=(
            Action("secretsmanager:GetSecretValue", MODEL_KEYS, "what a model's place shows to its provider", by=KEYS_READ),
            Action("secretsmanager:PutSecretValue", MODEL_KEYS, "a key that an administrator gives", by=KEYS_KEPT),
            Action("secretsmanager:CreateSecret", MODEL_KEYS, "the same, for the first time", by=KEYS_KEPT),
            Action("bedrock:InvokeModel", MODELS, "whole answers and embeddings", by=WHOLE),
            Action("bedrock:InvokeModel", PROFILES, "the same, by an inference profile", by=WHOLE),
            Action("bedrock:InvokeModelWithResponseStream", MODELS, "streamed answers", by=STREAMED),
            Action("bedrock:InvokeModelWithResponseStream", PROFILES, "streamed answers, by an inference profile", by=STREAMED),
            Action("bedrock:CountTokens", MODELS, "tokens of a prompt before it is sent", by=(f"{BEDROCK}:Bedrock.count",)),
            Action(
                "bedrock:ApplyGuardrail",
                GUARDRAILS,
                "guardrails of Bedrock that a request or a policy names",
                by=(f"{BEDROCK}:Bedrock.complete", *STREAMED),
            ),
            Action("bedrock:ListFoundationModels", "*", "which models there are; it has no narrower resource", by=LISTED),
            Action("bedrock:ListInferenceProfiles", "*", "which profiles there are; it has no narrower resource", by=LISTED),
        ),
        hot="apps.invocation.gateway:routes",
        prepare="apps.invocation.services:prepare",
        checks="apps.invocation.services:findings",
        before="apps.invocation.access:findings",
    )
