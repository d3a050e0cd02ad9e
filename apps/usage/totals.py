"""What Prometheus is told: totals of calls by process, kept beside its journal, summed up when they are asked for. Names and
buckets are those of OpenTelemetry's conventions for generative AI where it has them."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Final

from msgspec import Struct, field
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from apps.usage.records import MICRO, Invocation

JOIN: Final = "\x1f"
OPERATIONS: Final = {"text": "chat", "embed": "embeddings", "rerank": "rerank", "count": "count_tokens"}
SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
FIRST: Final = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
ALIKE: Final = attrgetter("application", "model_name", "served_by", "model_kind", "deployment", "outcome", "cache")
TOKENS: Final = tuple(4.0**power for power in range(14))


class Series(Struct, frozen=True):
    """A metric: its name, what it says, its labels; buckets: of a histogram."""

    name: str
    says: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...] = ()


MODELS: Final = ("gen_ai_request_model", "gen_ai_response_model")
CALLS: Final = Series(
    "foundation_model_calls", "Calls by their end.", ("application", *MODELS, "deployment", "outcome", "cache")
)
SPENT: Final = Series("foundation_model_tokens", "Tokens.", ("application", *MODELS, "gen_ai_token_type"))
COST: Final = Series("foundation_model_cost_usd", "What calls cost, in US dollars.", ("application", *MODELS))
TRIES: Final = Series(
    "foundation_model_tries", "Tries of deployments by their end.", ("deployment", "outcome", "gen_ai_request_model")
)
DURATION: Final = Series(
    "gen_ai_server_request_duration_seconds", "Calls.", ("gen_ai_operation_name", *MODELS, "error_type"), SECONDS
)
FIRST_TOKEN: Final = Series(
    "gen_ai_server_time_to_first_token_seconds", "Until the answer began.", ("gen_ai_operation_name", *MODELS), FIRST
)
USAGE: Final = Series(
    "gen_ai_client_token_usage", "Tokens of a call.", ("gen_ai_operation_name", *MODELS, "gen_ai_token_type"), TOKENS
)
COUNTERS: Final = (CALLS, SPENT, COST, TRIES)
HISTOGRAMS: Final = (DURATION, FIRST_TOKEN, USAGE)
GAUGES: Final[Mapping[str, str]] = {
    "foundation_calls_under_way": "Calls that have begun and not ended.",
    "foundation_journal_waiting_bytes": "What of the account is on disk and not in the store.",
    "foundation_journal_waiting_calls": "Calls that are on disk and not in the store.",
    "foundation_journal_lag_seconds": "How long the oldest of them has waited.",
    "foundation_journal_full": "Processes that let no call in, as the journal is full.",
}
LONGEST_OF: Final = frozenset({"foundation_journal_lag_seconds"})  # of several processes the longest counts, not the sum


class UnderWay:
    """How many calls are under way in this process."""

    def __init__(self) -> None:
        self.count = 0

    def begin(self) -> None:
        """One more."""
        self.count += 1

    def end(self) -> None:
        """One less."""
        self.count -= 1


class Totals(Struct):
    """The totals of one process, or of several: for each metric its values, by the values of its labels.

    Of a histogram: how many fell into each bucket and above the last, and their sum.
    """

    counters: dict[str, dict[str, float]] = field(default_factory=dict)
    histograms: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)

    def add(self, rows: Iterable[Invocation]) -> None:
        """Count calls."""
        found: dict[tuple[str, ...], list[Invocation]] = {}
        for row in rows:
            found.setdefault(ALIKE(row), []).append(row)
        for alike in found.values():
            self._add(alike[0], alike)

    def _add(self, first: Invocation, rows: Sequence[Invocation]) -> None:
        """Count calls that have all labels of the first."""
        application, models = first.application, (first.model_name, first.served_by)
        operation = OPERATIONS.get(first.model_kind, first.model_kind)
        self.count(CALLS, (application, *models, first.deployment, first.outcome, first.cache), len(rows))
        self.count(COST, (application, *models), sum([row.cost or 0 for row in rows]) / MICRO)
        for kind, tokens in (("input", [row.input_tokens for row in rows]), ("output", [row.output_tokens for row in rows])):
            if any(tokens):
                self.count(SPENT, (application, *models, kind), sum(tokens))
                self.observe(USAGE, (operation, *models, kind), filter(None, tokens))
        for tried, times in Counter([(each.deployment, each.outcome) for row in rows for each in row.tries]).items():
            self.count(TRIES, (*tried, first.model_name), times)
        error = "" if first.outcome == "success" else first.outcome
        self.observe(DURATION, (operation, *models, error), [row.latency_ms / 1000 for row in rows])
        begun = [row.first_token_ms / 1000 for row in rows if row.first_token_ms is not None]
        if begun:
            self.observe(FIRST_TOKEN, (operation, *models), begun)

    def count(self, series: Series, labels: Sequence[str], amount: float) -> None:
        """Add to a counter."""
        values, key = self.counters.setdefault(series.name, {}), JOIN.join(labels)
        values[key] = values.get(key, 0) + amount

    def observe(self, series: Series, labels: Sequence[str], observed: Iterable[float]) -> None:
        """Count into a histogram."""
        values, key = self.histograms.setdefault(series.name, {}), JOIN.join(labels)
        counts = values.get(key)
        if counts is None:
            counts = values[key] = [0.0] * (len(series.buckets) + 2)
        for value in observed:
            counts[bisect_left(series.buckets, value)] += 1
            counts[-1] += value

    def take(self, other: "Totals", *, gauges: bool) -> None:
        """Add those of another process; its gauges only where it is still there."""
        for name, values in other.counters.items():
            mine = self.counters.setdefault(name, {})
            for key, amount in values.items():
                mine[key] = mine.get(key, 0) + amount
        for name, histogram in other.histograms.items():
            counted = self.histograms.setdefault(name, {})
            for key, counts in histogram.items():
                counted[key] = [a + b for a, b in zip(counted[key], counts, strict=True)] if key in counted else list(counts)
        for name, value in other.gauges.items() if gauges else ():
            known = self.gauges.get(name, 0)
            self.gauges[name] = max(known, value) if name in LONGEST_OF else known + value


def families(totals: Totals) -> Iterator[Metric]:
    """The totals as prometheus-client has them."""
    for series in COUNTERS:
        counter = CounterMetricFamily(series.name, series.says, labels=series.labels)
        for key, amount in totals.counters.get(series.name, {}).items():
            counter.add_metric(key.split(JOIN), amount)
        yield counter
    for series in HISTOGRAMS:
        histogram = HistogramMetricFamily(series.name, series.says, labels=series.labels)
        for key, counts in totals.histograms.get(series.name, {}).items():
            histogram.add_metric(key.split(JOIN), list(cumulative(series.buckets, counts)), counts[-1])
        yield histogram
    for name, says in GAUGES.items():
        yield GaugeMetricFamily(name, says, value=totals.gauges.get(name, 0))


def cumulative(buckets: Iterable[float], counts: Sequence[float]) -> Iterator[tuple[str, float]]:
    """Each bucket with how many are not above it, as Prometheus counts."""
    reached = 0.0
    for bucket, count in zip((*map(str, buckets), "+Inf"), counts, strict=False):
        reached += count
        yield bucket, reached
