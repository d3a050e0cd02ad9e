"""The wire shapes of usage."""

from typing import Any

from rest_framework import serializers

from apps.usage.records import DayUsage, Invocation, Outcome
from foundation.wire import Text, Timestamp


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
    total_cached_tokens = serializers.IntegerField(source="cached_tokens", help_text="Of the input tokens: from a cache.")
    cache_hits = serializers.IntegerField(help_text="Calls whose answer was kept from before.")
    cost_usd = serializers.FloatField(help_text="US dollars, of the calls to models whose prices are known.")
    status_counts = serializers.SerializerMethodField()

    def get_status_counts(self, day: DayUsage) -> dict[str, int]:
        """Calls by their end; an end that none had is left out."""
        counts = {Outcome.SUCCESS.value: day.succeeded, Outcome.FAILED.value: day.failed}
        return {status: count for status, count in counts.items() if count}


class OneTry(serializers.Serializer[Any]):
    """A deployment that was tried."""

    deployment = Text()
    outcome = Text(help_text="success, or the code of the error.")
    milliseconds = serializers.IntegerField()


class OneCall(serializers.Serializer[Invocation]):
    """One model call."""

    invocation_id = Text(source="invocation", help_text="The x-request-id of its response.")
    created = Timestamp(help_text="When it began, in UTC.")
    model_name = Text(help_text="The name that was asked for.")
    model_id = Text(help_text="Its id at its provider.")
    model_kind = Text(help_text="text, embed or rerank; count, of tokens.")
    served_by = Text(help_text="The name of the model that answered.")
    deployment = Text(help_text="Where it ran.")
    dialect = Text(help_text="The API by which it was asked.")
    streamed = serializers.BooleanField()
    status = Text(source="status.value", help_text="SUCCESS or FAILED.")
    outcome = Text(help_text="success, cancelled, or the code of the error.")
    finish_reason = Text(source="finish", help_text="Why the model ended its answer; empty where that is not known.")
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField()
    cache_written_tokens = serializers.IntegerField()
    reasoning_tokens = serializers.IntegerField()
    estimated = serializers.BooleanField(
        help_text="Tokens are in it that were counted here: the provider told none, or a try broke off or had no answer."
    )
    cost_usd = serializers.FloatField(allow_null=True, help_text="US dollars; null where the model's prices are not known.")
    latency_ms = serializers.IntegerField()
    first_token_ms = serializers.IntegerField(allow_null=True, help_text="Until the answer began; null: it never did.")
    tries = OneTry(many=True)
    cache = Text(help_text="exact or semantic, where the answer was kept from before.")
    prompt = Text(help_text="The prompt's name and version.")
    labels = serializers.DictField(child=Text())
    findings = serializers.ListField(child=Text(), help_text="What the guard noted.")
