"""Who takes traces of calls, chosen by setting; its packages are needed only where it is chosen."""

import importlib
import sys
from collections.abc import Sequence

from apps.usage.ports import Tracer
from apps.usage.records import Invocation
from foundation.settings import Settings


class Nobody:
    """Takes no traces."""

    def ended(self, rows: Sequence[Invocation]) -> None:
        pass


def tracer(settings: Settings) -> Tracer:
    """The tracer that is configured. Ends the process with one line when its packages are not installed."""
    if not settings.otel_endpoint:
        return Nobody()
    try:
        chosen = importlib.import_module("apps.usage.adapters.otlp")
    except ModuleNotFoundError as missing:
        sys.exit(
            f"The configuration is wrong: OTEL_EXPORTER_OTLP_ENDPOINT is set, and the package {missing.name} is not installed; "
            "install opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http, or leave the variable empty."
        )
    made: Tracer = chosen.OtlpTracer(settings.otel_endpoint)
    return made
