"""The wire shapes of the JSON that the original's portal asked for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from rest_framework import serializers

from apps.applications import services as applications
from apps.applications.records import Application
from foundation.settings import CHOSEN
from foundation.wire import Identifier, Text


class Day(serializers.DateField):
    """A day as YYYY-MM-DD; an empty text is the same as leaving it out."""

    def to_internal_value(self, value: Any) -> Any:
        return None if value == "" else super().to_internal_value(value)


class Message(serializers.Serializer[Any]):
    """What was done."""

    message = Text()


class NewClient(serializers.Serializer[Any]):
    """An application to onboard."""

    app_name = Text(required=False, default="", max_length=1000)
    description = Text(required=False, default="", max_length=10_000)


class CreatedClient(serializers.Serializer[Any]):
    """A new application's client. The secret is told here once and never again."""

    client_id = Text()
    client_secret = Text(help_text="Shown this once.")
    client_secret_arn = Text(help_text="Where the secret is kept, or would be, on a platform that keeps secrets in the clear.")
    status = Text()


class ClientById(serializers.Serializer[Any]):
    """One application."""

    app_id = Identifier()


class ListedClient(serializers.Serializer[Application]):
    """An application as the original's list has it."""

    SCHEMA: ClassVar[Mapping[str, Any]] = {"type": "object", "additionalProperties": {"type": "string"}}

    def to_representation(self, instance: Application) -> dict[str, str]:
        connection = applications.connection(instance)
        return {
            "app_id": instance.application,
            "client_id": instance.client,
            "app_name": instance.name,
            "secret_arn": f"{instance.client}_client_secret",
            "description": instance.description,
            "date_created": instance.created.strftime("%Y-%m-%d %H:%M:%S"),
            "status": "active" if instance.active else "inactive",
            "app_user_pool_id": CHOSEN.applications_issuer.rpartition("/")[2],
            "platform_app_client_id": CHOSEN.administrators_client,
            "platform_domain": connection.token_url.partition("://")[2].removesuffix("/oauth2/token"),
        }


class MetricsQuery(serializers.Serializer[Any]):
    """Whose metrics, and of which days, both included; what else is sent is ignored."""

    app_id = Identifier()
    start_date = Day(required=False, default=None, help_text="The first day, YYYY-MM-DD; by default the first there is.")
    end_date = Day(required=False, default=None, help_text="The last day, YYYY-MM-DD; by default today.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        start, end = attrs["start_date"], attrs["end_date"]
        if start and end and start > end:
            raise serializers.ValidationError({"start_date": [f"{start} is after end_date ({end})"]})
        return attrs


class IndexesQuery(serializers.Serializer[Any]):
    """The indexes of a store of an application."""

    app_id = Identifier()
    vector_store_id = Identifier()


class Items(serializers.Serializer[Any]):
    """Metrics: `items` by model, by status, or a list of stores or indexes."""

    items = serializers.JSONField()
    last_evaluated_key = serializers.JSONField()

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return {"items": instance, "last_evaluated_key": None}


class ServiceStatus(serializers.Serializer[Any]):
    """A service, and whether it is healthy or unhealthy."""

    service_name = Text()
    status = Text()


def moment(value: datetime) -> str:
    """A moment as the original's metrics have it."""
    return value.strftime("%Y-%m-%dT%H:%M:%S.%f")
