"""The wire shapes of /model that Django answers."""

from typing import Any

from rest_framework import serializers

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
