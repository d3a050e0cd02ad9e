"""Calls as OpenTelemetry spans, by its conventions for generative AI, sent by OTLP over HTTP from a thread of its own.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""

import atexit
import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from apps.usage.records import Invocation
from apps.usage.totals import OPERATIONS

RESOURCE: Final = Resource.create({"service.name": "generative-ai-foundation"})
SCOPE: Final = InstrumentationScope("apps.usage")
PROVIDERS: Final = {"bedrock": "aws.bedrock", "openai": "openai", "openai_compatible": "openai", "anthropic": "anthropic"}
PATIENCE: Final = 3  # seconds for which a sending is tried, also when the process ends
NANO: Final = 1_000_000_000


class OtlpTracer:
    """The Tracer port over OTLP. Spans that find the sender's queue full are dropped."""

    def __init__(self, endpoint: str) -> None:
        self.processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=PATIENCE))
        atexit.register(self.processor.shutdown)

    def ended(self, rows: Sequence[Invocation]) -> None:
        for row in rows:
            made = span(row)
            if made is not None:
                self.processor.on_end(made)


def span(row: Invocation) -> ReadableSpan | None:
    """The span of a call, in the trace that its request came with; None where that trace is not recorded."""
    parent = parent_of(row.trace)
    if parent is not None and not parent.trace_flags.sampled:
        return None
    operation = OPERATIONS.get(row.model_kind, row.model_kind)
    trace = parent.trace_id if parent is not None else random.getrandbits(128) or 1
    failed = row.outcome != "success"
    return ReadableSpan(
        name=f"{operation} {row.model_name}",
        context=SpanContext(trace, random.getrandbits(64) or 1, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)),
        parent=parent,
        resource=RESOURCE,
        attributes={name: value for name, value in attributes(row, operation).items() if value not in ("", None)},
        kind=SpanKind.SERVER,
        instrumentation_scope=SCOPE,
        status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
        start_time=int(row.created.timestamp() * NANO),
        end_time=int((row.created + timedelta(milliseconds=row.latency_ms)).timestamp() * NANO),
    )


def attributes(row: Invocation, operation: str) -> Mapping[str, str | int | float | bool | Sequence[str] | None]:
    """What the span says of its call: nothing that was said in it."""
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": PROVIDERS.get(row.provider, row.provider),
        "gen_ai.request.model": row.model_name,
        "gen_ai.response.model": row.served_by,
        "gen_ai.response.id": row.invocation,
        "gen_ai.response.finish_reasons": [row.finish] if row.finish else None,
        "gen_ai.usage.input_tokens": row.input_tokens,
        "gen_ai.usage.output_tokens": row.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": row.cached_tokens or None,
        "gen_ai.usage.cache_creation.input_tokens": row.cache_written_tokens or None,
        "error.type": "" if row.outcome == "success" else row.outcome,
        "foundation.application": row.application,
        "foundation.deployment": row.deployment,
        "foundation.tries": len(row.tries) or None,
        "foundation.cache": row.cache,
        "foundation.prompt": row.prompt,
        "foundation.time_to_first_token_ms": row.first_token_ms,
    }


def parent_of(trace: str) -> SpanContext | None:
    """The span of a `traceparent` header (W3C Trace Context); None without a good one."""
    version, _, rest = trace.partition("-")
    parts = rest.split("-")
    try:
        identifier, parent, flags = int(parts[0], 16), int(parts[1], 16), int(parts[2][:2], 16)
    except (IndexError, ValueError):
        return None
    context = SpanContext(identifier, parent, is_remote=True, trace_flags=TraceFlags(flags))
    return context if version != "ff" and context.is_valid else None
