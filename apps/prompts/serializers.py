"""The wire shapes of prompts."""

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework import serializers

from foundation.wire import Identifier, Text, Whole


class SaveTemplate(serializers.Serializer[Any]):
    """A template to save."""

    name = Identifier(help_text="The template's name; saving it again makes the next version.")
    prompt_template = Text(help_text="The text. Placeholders in it are kept as they are.")


class NamedTemplate(serializers.Serializer[Any]):
    """A template by its name."""

    name = Identifier()


class NumberedTemplate(serializers.Serializer[Any]):
    """One version of a template."""

    name = Identifier()
    vnum = Whole(help_text="The version, counting from 1.")


class Template(serializers.Serializer[Any]):
    """One version of a template, whole."""

    id = Text()
    name = Text()
    prompt_template = Text(source="text")
    version = serializers.IntegerField()


class VersionInList(serializers.Serializer[Any]):
    """One version inside the map of all templates."""

    version = serializers.IntegerField()
    prompt_template = Text(source="text")


class TemplateMap(serializers.Serializer[Any]):
    """A map from names to lists of versions, both in the order in which the versions come."""

    SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["version", "prompt_template"],
                "properties": {"version": {"type": "integer"}, "prompt_template": {"type": "string"}},
            },
        },
    }

    def to_representation(self, instance: Any) -> dict[str, list[Any]]:
        named: dict[str, list[Any]] = {}
        for version in instance:
            named.setdefault(version.name, []).append(VersionInList(version).data)
        return named
