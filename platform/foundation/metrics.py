"""GET /metrics: what the capabilities of this process tell Prometheus."""

import hmac
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from foundation.errors import Forbidden, Problem, Unauthenticated
from foundation.manifest import load
from foundation.settings import CHOSEN, HOUSE

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1"})
FORWARDED: Final = ("Forwarded", "X-Forwarded-For")  # whoever asks through a proxy is not on this machine


class Capabilities:
    """The collector of them all, in the form that prometheus-client has for one."""

    def collect(self) -> Iterable[Metric]:
        """Every metric family, as it is now."""
        for capability in HOUSE.needed:
            if capability.manifest.metrics:
                yield from load(capability.manifest.metrics)()


TEXT: Final = {"type": "string"}
REFUSED: Final = {"application/json": {"schema": {"type": "object", "properties": {"detail": TEXT, "code": TEXT}}}}
# How the OpenAPI document has it.
OPERATION: Final[Mapping[str, Any]] = {
    "operationId": "metrics_get",
    "summary": "What this process tells Prometheus; for its own machine alone until METRICS_TOKEN is set.",
    "tags": ["Platform"],
    "security": [{"metrics": []}],
    "responses": {
        "200": {"description": "Prometheus's text format.", "content": {"text/plain": {"schema": TEXT}}},
        "401": {"description": "Not METRICS_TOKEN.", "content": REFUSED},
        "403": {"description": "Not this machine, and no METRICS_TOKEN is set.", "content": REFUSED},
    },
}
REGISTRY: Final = CollectorRegistry()
REGISTRY.register(Capabilities())


def admit(request: HttpRequest) -> None:
    """Unauthenticated without METRICS_TOKEN as bearer; Forbidden, where none is set, for clients of other machines."""
    if CHOSEN.metrics_token:
        shown = request.headers.get("Authorization", "")
        if not hmac.compare_digest(shown.encode(), f"Bearer {CHOSEN.metrics_token}".encode()):
            raise Unauthenticated("metrics are for who shows METRICS_TOKEN as bearer token")
    elif request.META.get("REMOTE_ADDR") not in LOOPBACK or any(name in request.headers for name in FORWARDED):
        raise Forbidden("metrics are for this machine only, until METRICS_TOKEN is set")


def metrics(request: HttpRequest) -> HttpResponse:
    """GET /metrics in Prometheus's text format."""
    try:
        admit(request)
        return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)
    except Problem as refused:
        return JsonResponse(refused.body(), status=refused.status)
