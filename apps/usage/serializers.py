"""The wire shapes of usage."""

from typing import Any

from rest_framework import serializers

from apps.usage.records import DayUsage, Outcome
from foundation.wire import Text


class Day(serializers.DateField):
    """A day as YYYY-MM-DD; nothing is the same as leaving it out."""

    def to_internal_value(self, value: Any) -> Any:
        return None if value == "" else super().to_internal_value(value)


class DailyQuery(serializers.Serializer[Any]):
    """Which days; both are included."""

    start_date = Day(required=False, help_text="The first day, YYYY-MM-DD; by default the first that there is.")
    end_date = Day(required=False, help_text="The last day, YYYY-MM-DD; by default the last that there is.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        start, end = attrs.get("start_date"), attrs.get("end_date")
        if start and end and start > end:
            raise serializers.ValidationError({"start_date": [f"{start} is after end_date ({end})"]})
        return attrs


class DailyUsage(serializers.Serializer[DayUsage]):
    """One model's calls on one day."""

    date = Text(source="day", help_text="The day in UTC, YYYY-MM-DD.")
    model_name = Text(help_text="The name that was asked for.")
    model_id = Text(help_text="Its id at its provider.")
    served_by = Text(help_text="The name of the model that answered.")
    total_count = serializers.IntegerField(source="calls")
    total_input_tokens = serializers.IntegerField(source="input_tokens")
    total_output_tokens = serializers.IntegerField(source="output_tokens")
    status_counts = serializers.SerializerMethodField()

    def get_status_counts(self, day: DayUsage) -> dict[str, int]:
        """Calls by their end; an end that none had is left out."""
        counts = {Outcome.SUCCESS.value: day.succeeded, Outcome.FAILED.value: day.failed}
        return {status: count for status, count in counts.items() if count}
