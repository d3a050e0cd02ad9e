"""The wire shapes of models that Django answers."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from apps.invocation.records import Model
from foundation.wire import Text


class ListedModel(serializers.Serializer[Any]):
    """A name to call a model by."""

    model_name = Text(help_text="The name.")
    model_id = Text(help_text="The model's id at its provider.")
    available = serializers.BooleanField(help_text="Whether a model of this platform answers for the name.")
    served_by = Text(allow_null=True, help_text="The name of the model that answers; null where none does.")


class ModelList(serializers.Serializer[Any]):
    """Every name, by what its model makes."""

    text_models = ListedModel(many=True)
    embed_models = ListedModel(many=True)


class OpenAIProblem(serializers.Serializer[Any]):
    """What went wrong."""

    message = Text()
    type = Text()
    param = Text(allow_null=True)
    code = Text(allow_null=True)


class OpenAIError(serializers.Serializer[Any]):
    """The body of every error of OpenAI's dialect."""

    error = OpenAIProblem()


class AnthropicProblem(serializers.Serializer[Any]):
    """What went wrong."""

    type = Text()
    message = Text()


class AnthropicError(serializers.Serializer[Any]):
    """The body of every error of Anthropic's dialect."""

    type = Text(help_text="Always error.")
    error = AnthropicProblem()


class OpenAIModel(serializers.Serializer[Any]):
    """A model, as OpenAI's clients know it; the members after owned_by are this platform's own."""

    id = Text(help_text="The name to call it by.")
    object = Text(help_text="Always model.")
    created = serializers.IntegerField(help_text="Always 0: the platform does not know it.")
    owned_by = Text(help_text="The provider that the name belongs to.")
    kind = Text(help_text="What it makes: text, embed or rerank.")
    served_by = Text(help_text="The name of the model that answers.")
    context_window = serializers.IntegerField(allow_null=True, help_text="The most tokens that it reads and writes together.")
    max_output_tokens = serializers.IntegerField(allow_null=True, help_text="The most tokens that it writes.")


class OpenAIModelList(serializers.Serializer[Any]):
    """The models that the application may call."""

    object = Text(help_text="Always list.")
    data = OpenAIModel(many=True)  # type: ignore[assignment]  # DRF collects it; it does not hide Serializer.data


def listed(model: Model, answering: Model, name: str = "") -> Mapping[str, object]:
    """A model as OpenAI's clients know it, by this other name of it or its own."""
    return {
        "id": name or model.name,
        "object": "model",
        "created": 0,
        "owned_by": model.placements[0].provider or answering.placements[0].provider,
        "kind": model.kind.value,
        "served_by": answering.name,
        "context_window": answering.context_window,
        "max_output_tokens": answering.output_limit,
    }


class AsyncOutput(serializers.Serializer[Any]):
    """An asynchronous invocation as it stands: 202 while it is worked on, 200 at its end."""

    status = Text(help_text="IN_PROGRESS, SUCCESS or FAILED.")
    output_text = Text(allow_null=True, help_text="The answer; null without success.")
    embedding = serializers.ListField(child=serializers.FloatField(), allow_null=True, default=None, help_text="Always null.")
    input_tokens = serializers.IntegerField(allow_null=True)
    output_tokens = serializers.IntegerField(allow_null=True)
    model = Text(help_text="The name that was asked for.")
    served_by = Text(allow_null=True, help_text="The name of the model that answered.")
    error = Text(allow_null=True, help_text="Why it failed; null unless it did.")
    code = Text(allow_null=True, help_text="The error's stable code, as budget_exceeded; null unless it failed.")
