"""What an administrator is woken for: errors, slow answers, queues that stand still, dead letters, throttles, no backup.

Each says in its message where to look, as the message is all that arrives.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from troposphere import AWSObject, Ref, Sub
from troposphere.cloudwatch import Alarm, Metric, MetricDataQuery, MetricDimension, MetricStat
from troposphere.events import Rule

from deploy.cloudformation.common import named
from deploy.cloudformation.frame import logical
from deploy.cloudformation.house import Platform, Process
from deploy.cloudformation.names import VAULT, dead_queue_name, queue_name
from foundation.manifest import Queue

MINUTE: Final = 60
ERROR_SHARE: Final = 0.05  # of all requests of five minutes
SLOW_SECONDS: Final = 3  # for the slowest of twenty answers
SLOW_MODEL_SECONDS: Final = 60  # the same, where a model answers
WAITING_SECONDS: Final = 1800  # that the oldest message of a queue has waited, though workers were added
THROTTLED: Final[Mapping[str, str]] = {  # one alarm for all values of the dimensions
    "DynamoDB": 'SELECT SUM(ThrottledRequests) FROM SCHEMA("AWS/DynamoDB", Operation, TableName)',
    "Textract": 'SELECT SUM(ThrottledCount) FROM SCHEMA("AWS/Textract", Operation)',
    "Bedrock": 'SELECT SUM(InvocationThrottles) FROM SCHEMA("AWS/Bedrock", ModelId)',
}


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric: where it is, how it is taken together, over how many seconds."""

    space: str
    metric: str
    dimensions: Mapping[str, Any]
    taken: str
    seconds: int = 5 * MINUTE

    def widget(self, label: str) -> list[Any]:
        """The metric as a dashboard writes it, whose values are texts for Sub."""
        names = [text for name, value in self.dimensions.items() for text in (name, _text(value))]
        return [self.space, self.metric, *names, {"stat": self.taken, "period": self.seconds, "label": label}]


def _text(value: Any) -> str:
    return (
        str(value.data["Fn::Sub"])
        if isinstance(value, Sub)
        else f"${{{value.data['Ref']}}}"
        if isinstance(value, Ref)
        else value
    )


def behind(process: Process, metric: str, taken: str) -> Measure:
    """A metric of the load balancer about one service."""
    targets = Ref(f"{logical(process.name)}TargetsName")
    return Measure("AWS/ApplicationELB", metric, {"TargetGroup": targets, "LoadBalancer": Ref("BalancerName")}, taken)


def at_the_edge(metric: str, taken: str) -> Measure:
    """A metric of API Gateway about the whole API."""
    return Measure("AWS/ApiGateway", metric, {"ApiName": Ref("ApiName")}, taken)


def of_queue(name: Sub, metric: str) -> Measure:
    """A metric of a queue."""
    return Measure("AWS/SQS", metric, {"QueueName": name}, "Maximum")


def alarms(platform: Platform) -> Iterator[AWSObject]:
    """All of them."""
    yield _alarm(
        "ApiErrors",
        "More than one request in twenty of the API failed; the log group /${Deployment}/api says which",
        at_the_edge("5XXError", "Average"),
        ERROR_SHARE,
    )
    for process in platform.services:
        yield from _of_service(process)
    for queue in platform.queues:
        yield from _of_queue(queue)
    yield _alarm(
        "Rotation",
        "The keys that sign could not be rotated; they stay as they are, and the log group /${Deployment}/rotation says why",
        Measure("AWS/Lambda", "Errors", {"FunctionName": Ref("RotationFunctionName")}, "Sum"),
        1,
        periods=1,
    )
    yield from _said(
        "NotRotated",
        "Secrets Manager could not rotate the keys that sign; they stay as they are, and it tries again on the same day",
        {
            "source": ["aws.secretsmanager"],
            "detail-type": ["AWS Service Event via CloudTrail"],
            "detail": {
                "eventName": ["RotationFailed", "RotationAbandoned"],
                "additionalEventData": {"SecretId": [Ref("SigningKeysSecretArn")]},
            },
        },
    )
    yield from _said(
        "NotBackedUp",
        "A table or the bucket of files got no backup; AWS Backup, Jobs says why, and the next one is made a day later",
        {
            "source": ["aws.backup"],
            "detail-type": ["Backup Job State Change"],
            "detail": {"state": ["ABORTED", "EXPIRED", "FAILED"], "backupVaultName": [named(VAULT)]},
        },
    )
    for service, query in THROTTLED.items():
        yield Alarm(
            f"{service}Throttles",
            AlarmDescription=f"{service} refuses calls of this account and region: they come too fast for its quotas, which "
            "Service Quotas shows and raises",
            Metrics=[MetricDataQuery(Id="throttled", Expression=query, Period=5 * MINUTE, ReturnData=True)],
            **_rule(20, periods=2),
        )


def _said(title: str, meaning: str, pattern: Mapping[str, Any]) -> Iterator[AWSObject]:
    """The alarm for what a service of AWS says once and measures nowhere. The rule has no target: EventBridge counts its
    matches as a metric."""
    yield Rule(title, Description=meaning, EventPattern=dict(pattern))
    yield _alarm(title, meaning, Measure("AWS/Events", "TriggeredRules", {"RuleName": Ref(title)}, "Sum"), 1, periods=1)


def _of_service(process: Process) -> Iterator[Alarm]:
    assert process.capability is not None
    title = logical(process.name)
    slow = SLOW_MODEL_SECONDS if process.capability.manifest.hot else SLOW_SECONDS
    yield _alarm(
        f"{title}Errors",
        f"{process.name} failed ten times in five minutes; {_log(process.name)} says why",
        behind(process, "HTTPCode_Target_5XX_Count", "Sum"),
        10,
    )
    yield _alarm(
        f"{title}Slow",
        f"One answer in twenty of {process.name} took longer than {slow} s; the dashboard shows whether load is why, and "
        "MostContainers bounds how many containers there are",
        behind(process, "TargetResponseTime", "p95"),
        slow,
        periods=3,
    )
    yield _alarm(
        f"{title}Unhealthy",
        f"A container of {process.name} does not answer; ECS replaces it, and {_log(process.name)} says why where it goes on",
        behind(process, "UnHealthyHostCount", "Minimum"),
        1,
    )


def _log(process: str) -> str:
    return f"the log group /${{Deployment}}/{process}"


def _of_queue(queue: Queue) -> Iterator[Alarm]:
    yield _alarm(
        logical(queue.name, "dead"),
        f"Messages of {queue.name} could not be worked on; {_log(f'{queue.name}-worker')} says why, and "
        f"`manage.py jobs redrive --queue {queue.name}`, a command of operators, sends them again",
        of_queue(dead_queue_name(queue.name), "ApproximateNumberOfMessagesVisible"),
        1,
        periods=1,
    )
    yield _alarm(
        logical(queue.name, "waits"),
        f"A message of {queue.name} has waited for half an hour; {_log(f'{queue.name}-worker')} says what holds it up, "
        "and MostContainers bounds how many workers there are",
        of_queue(queue_name(queue.name), "ApproximateAgeOfOldestMessage"),
        WAITING_SECONDS,
    )


def _alarm(title: str, meaning: str, measure: Measure, threshold: float, *, periods: int = 2) -> Alarm:
    dimensions = [MetricDimension(Name=name, Value=value) for name, value in measure.dimensions.items()]
    metric = Metric(Namespace=measure.space, MetricName=measure.metric, Dimensions=dimensions)
    stat = MetricStat(Metric=metric, Period=measure.seconds, Stat=measure.taken)
    return Alarm(
        f"{title}Alarm",
        AlarmDescription=Sub(meaning) if "${" in meaning else meaning,
        Metrics=[MetricDataQuery(Id="measured", MetricStat=stat, ReturnData=True)],
        **_rule(threshold, periods=periods),
    )


def _rule(threshold: float, *, periods: int) -> dict[str, Any]:
    return {
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": threshold,
        "EvaluationPeriods": periods,
        "TreatMissingData": "notBreaching",
        "AlarmActions": [Ref("Alarms")],
        "OKActions": [Ref("Alarms")],
    }
