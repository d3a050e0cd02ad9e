"""How many containers there are: services by their load, workers by what waits in their queue."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from troposphere import AWSObject, If, Ref, Sub
from troposphere.applicationautoscaling import (
    PredefinedMetricSpecification,
    ScalableTarget,
    ScalingPolicy,
    StepAdjustment,
    StepScalingPolicyConfiguration,
    TargetTrackingScalingPolicyConfiguration,
)
from troposphere.cloudwatch import Alarm, Metric, MetricDataQuery, MetricDimension, MetricStat

from deploy.cloudformation.frame import logical
from deploy.cloudformation.house import Process
from deploy.cloudformation.names import queue_name

MOST: Final = {"Production": 20, "Small": 4}  # containers of one service or worker, where an operator names no number
OLD_SECONDS: Final = 60  # that the oldest message may wait before one more worker comes
REQUESTS: Final = 3000  # a minute, for one container


def target(process: Process, what: str) -> ScalableTarget:
    """Between how many and how many. A worker of the profile Small rests while its queue is empty."""
    title = logical(process.name)
    return ScalableTarget(
        f"{title}Scale",
        ServiceNamespace="ecs",
        ScalableDimension="ecs:service:DesiredCount",
        ResourceId=Sub(f"service/${{Cluster}}/${{{title}Service.Name}}"),
        MinCapacity=If("Production", 2, 1) if what == "service" else If("Production", 1, 0),
        MaxCapacity=If("OwnMost", Ref("MostContainers"), If("Production", MOST["Production"], MOST["Small"])),
    )


def by_load(process: Process) -> Iterator[AWSObject]:
    """More containers while they are busy, or asked much."""
    title = logical(process.name)
    asked = Sub(f"${{BalancerName}}/${{{title}Targets.TargetGroupFullName}}")
    for name, metric, value in (
        ("Cpu", PredefinedMetricSpecification(PredefinedMetricType="ECSServiceAverageCPUUtilization"), 60),
        (
            "Requests",
            PredefinedMetricSpecification(PredefinedMetricType="ALBRequestCountPerTarget", ResourceLabel=asked),
            REQUESTS,
        ),
    ):
        policy = _policy(
            process,
            name,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=TargetTrackingScalingPolicyConfiguration(
                PredefinedMetricSpecification=metric, TargetValue=value, ScaleInCooldown=300, ScaleOutCooldown=30
            ),
        )
        if name == "Requests":
            policy.DependsOn = [f"{title}Rule1"]
        yield policy


def by_queue(process: Process) -> Iterator[AWSObject]:
    """One more when a message waits and nobody works, or when the oldest is too old; none when there is nothing for long."""
    yield from _steps(process, "Wake", "ChangeInCapacity", [(0, None, 1)], 60)
    yield _alarm(process, "Wake", "IF(waiting > 0 AND working < 1, 1, 0)", 1, periods=1, missing="notBreaching")
    yield from _steps(process, "Old", "ChangeInCapacity", [(0, 240, 1), (240, None, 3)], 120)
    yield _alarm(process, "Old", "age", OLD_SECONDS, periods=2, missing="notBreaching")
    yield from _steps(process, "Rest", "ExactCapacity", [(0, None, 0)], 60)
    yield _alarm(process, "Rest", "IF(waiting + working + delayed < 1, 1, 0)", 1, periods=10, missing="breaching")


METRICS: Final[Mapping[str, str]] = {
    "waiting": "ApproximateNumberOfMessagesVisible",
    "working": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
    "age": "ApproximateAgeOfOldestMessage",
}


def _alarm(process: Process, name: str, asked: str, threshold: int, *, periods: int, missing: str) -> Alarm:
    assert process.queue is not None
    title = logical(process.name)
    dimension = [MetricDimension(Name="QueueName", Value=queue_name(process.queue.name))]
    measured = [
        MetricDataQuery(
            Id=short,
            ReturnData=short == asked,
            MetricStat=MetricStat(
                Metric=Metric(Namespace="AWS/SQS", MetricName=metric, Dimensions=dimension), Period=60, Stat="Maximum"
            ),
        )
        for short, metric in METRICS.items()
        if short in asked
    ]
    derived = [] if asked in METRICS else [MetricDataQuery(Id="asked", Expression=asked, ReturnData=True)]
    return Alarm(
        f"{title}{name}Alarm",
        AlarmDescription=f"Scales {process.name}: {asked} is at least {threshold}",
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        Threshold=threshold,
        EvaluationPeriods=periods,
        Metrics=[*measured, *derived],
        TreatMissingData=missing,
        AlarmActions=[Ref(f"{title}{name}Policy")],
    )


def _steps(process: Process, name: str, kind: str, steps: list[tuple[int, int | None, int]], pause: int) -> Iterator[AWSObject]:
    yield _policy(
        process,
        name,
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration=StepScalingPolicyConfiguration(
            AdjustmentType=kind,
            Cooldown=pause,
            MetricAggregationType="Maximum",
            StepAdjustments=[
                StepAdjustment(
                    MetricIntervalLowerBound=low,
                    ScalingAdjustment=by,
                    **({} if high is None else {"MetricIntervalUpperBound": high}),
                )
                for low, high, by in steps
            ],
        ),
    )


def _policy(process: Process, name: str, **more: Any) -> ScalingPolicy:
    title = logical(process.name)
    return ScalingPolicy(
        f"{title}{name}Policy", PolicyName=f"{process.name}-{name.lower()}", ScalingTargetId=Ref(f"{title}Scale"), **more
    )
