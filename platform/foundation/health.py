"""Whether this process can do its work."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from foundation.adapters import records
from foundation.apps import RegisteredClient
from foundation.endpoint import Endpoint
from foundation.wire import Text


class HealthAnswer(serializers.Serializer[Any]):
    """Exactly one member, as clients compare the whole body."""

    status = Text(help_text="UP.")


class Health(Endpoint):
    """UP when the service answers and its store does; 503 otherwise."""

    open, other_refusals = True, (503,)
    response_shape = HealthAnswer

    def get(self) -> Mapping[str, str]:
        records.get(RegisteredClient, "health")  # which every process may read, whatever it serves
        return {"status": "UP"}
