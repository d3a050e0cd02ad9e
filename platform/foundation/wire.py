"""Building blocks of serializers: fields that take and give exactly what the wire contract says."""

import math
from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers


class Text(serializers.CharField):
    """Text as it is: never trimmed, may be empty, and a number in its place is refused rather than turned into text."""

    default_error_messages = {"string_type": "Input should be a valid string"}

    def __init__(self, *, max_length: int = 1_000_000, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, "allow_blank": True, "max_length": max_length, **options})

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("string_type")
        try:
            data.encode()
        except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell and no store can hold
            self.fail("string_type")
        return str(super().to_internal_value(data))


class Identifier(Text):
    """An id or a name: text of at most 300 characters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": 300, **options})


class Whole(serializers.IntegerField):
    """A whole number; a text of digits is one too, within 64 bits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_value": -(2**63), "max_value": 2**63 - 1, **options})


class Number(serializers.FloatField):
    """A finite number; a text of digits is one too."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool):
            self.fail("invalid")
        number = float(super().to_internal_value(data))
        if not math.isfinite(number):
            self.fail("invalid")
        return number


class Timestamp(serializers.DateTimeField):
    """A moment as ISO 8601 with microseconds, in UTC, without its zone."""

    def to_representation(self, value: datetime) -> str:
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


class Failure(serializers.Serializer[Any]):
    """The body of every error but 422."""

    detail = Text(help_text="What happened, to which thing, and what to do next.")
    code = Text(help_text="A stable word for this kind of error.")


class Issue(serializers.Serializer[Any]):
    """One thing that is wrong with one field."""

    type = Text(help_text="A stable word for what is wrong.")
    loc = serializers.ListField(help_text="The path to the field, beginning with body, path or query.")
    msg = Text(help_text="What is wrong.")


class Issues(serializers.Serializer[Any]):
    """The body of a 422."""

    type = Text()
    title = Text()
    status = serializers.IntegerField()
    detail = Text()
    instance = Text()
    issues = Issue(many=True)
