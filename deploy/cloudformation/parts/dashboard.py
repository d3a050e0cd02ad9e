"""One page in CloudWatch that shows how the deployment is: requests, failures, answers' times, queues, models."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from troposphere import Sub
from troposphere.cloudwatch import Dashboard

from deploy.cloudformation.common import named
from deploy.cloudformation.house import Platform
from deploy.cloudformation.names import dead_queue_name, queue_name
from deploy.cloudformation.parts.alarms import THROTTLED, at_the_edge, behind, of_queue

WIDTH, HEIGHT, COLUMNS = 8, 6, 3
BEDROCK: Final = "SEARCH('{{AWS/Bedrock,ModelId}} MetricName=\"{metric}\"', 'Sum', 300)"


def dashboard(platform: Platform) -> Dashboard:
    """The page. Its metrics are those of the alarms, and what models were asked."""
    widgets = [
        {
            "type": "metric",
            "width": WIDTH,
            "height": HEIGHT,
            "x": place % COLUMNS * WIDTH,
            "y": place // COLUMNS * HEIGHT,
            **each,
        }
        for place, each in enumerate(_widgets(platform))
    ]
    return Dashboard(
        "Dashboard", DashboardName=named("platform"), DashboardBody=Sub(json.dumps({"widgets": widgets}, sort_keys=True))
    )


def _widgets(platform: Platform) -> Iterator[dict[str, Any]]:
    services, queues = platform.services, platform.queues
    yield _shown("Requests of applications", [at_the_edge("Count", "Sum").widget("requests")])
    yield _shown(
        "Refused and failed requests of applications",
        [at_the_edge("4XXError", "Sum").widget("refused"), at_the_edge("5XXError", "Sum").widget("failed")],
    )
    yield _shown("Requests of each service", [behind(p, "RequestCount", "Sum").widget(p.name) for p in services])
    yield _shown("Failures of each service", [behind(p, "HTTPCode_Target_5XX_Count", "Sum").widget(p.name) for p in services])
    yield _shown("Seconds to an answer, 95 %", [behind(p, "TargetResponseTime", "p95").widget(p.name) for p in services])
    yield _shown("Containers that answer", [behind(p, "HealthyHostCount", "Minimum").widget(p.name) for p in services])
    waiting, oldest = "ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"
    yield _shown("Messages that wait", [of_queue(queue_name(q.name), waiting).widget(q.name) for q in queues])
    yield _shown("Seconds that the oldest waits", [of_queue(queue_name(q.name), oldest).widget(q.name) for q in queues])
    yield _shown("Dead letters", [of_queue(dead_queue_name(q.name), waiting).widget(q.name) for q in queues])
    for title, metric in (
        ("Calls of Bedrock", "Invocations"),
        ("Tokens in", "InputTokenCount"),
        ("Tokens out", "OutputTokenCount"),
    ):
        yield _shown(title, [[{"expression": BEDROCK.format(metric=metric), "period": 300}]])
    yield _shown(
        "Calls that AWS refuses as too many",
        [[{"expression": query, "label": service, "period": 300}] for service, query in THROTTLED.items()],
    )


def _shown(title: str, metrics: Sequence[list[Any]]) -> dict[str, Any]:
    return {
        "properties": {
            "title": title,
            "metrics": list(metrics),
            "region": _REGION,
            "view": "timeSeries",
            "yAxis": {"left": {"min": 0}},
        }
    }


_REGION: Final = "${AWS::Region}"
