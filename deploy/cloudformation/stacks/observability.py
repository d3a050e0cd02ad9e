"""Observability: alarms by e-mail, a dashboard, a budget."""

from collections.abc import Iterator
from typing import Any, Final

from troposphere import AWSObject, Ref, Sub
from troposphere.budgets import Budget, BudgetData, Notification, NotificationWithSubscribers, Spend, Subscriber
from troposphere.sns import SubscriptionResource, Topic, TopicPolicy

from deploy.cloudformation.common import (
    ADMINISTRATORS_GROUP,
    DATA_KEY,
    DEPLOYMENT,
    ENCRYPTION_GROUP,
    PLATFORM_GROUP,
    group,
    named,
    tags,
    taken,
)
from deploy.cloudformation.frame import Output, Parameter, Stack, logical
from deploy.cloudformation.house import Platform
from deploy.cloudformation.parts.alarms import alarms
from deploy.cloudformation.parts.dashboard import dashboard
from deploy.cloudformation.stacks.identity import EMAIL

BUDGET: Final = Parameter(
    name="MonthlyBudget",
    label="Budget a month",
    help="In USD, for the whole account. The administrator gets a message when 80 % are spent and when more than all will be; "
    "nothing is switched off. What each application may spend on models is set in the portal.",
    type="Number",
    default=500,
    lowest=1,
)
MESSAGES: Final = ((80, "ACTUAL"), (100, "FORECASTED"))


def stack(platform: Platform) -> Stack:
    """What tells how a deployment is."""
    return Stack(
        name="observability",
        title="Generative AI Foundation: alarms, a dashboard, a budget.",
        groups=(
            group(PLATFORM_GROUP, DEPLOYMENT),
            group(ADMINISTRATORS_GROUP, EMAIL),
            group("Budget", BUDGET),
            group(
                "Watched",
                taken("edge.ApiName", "Name of the API in metrics"),
                taken("balancer.BalancerName", "Name of the load balancer in metrics"),
                taken("data.RotationFunctionName", "Name of the function that rotates keys"),
                taken("data.SigningKeysSecretArn", "Secret of the keys that sign"),
                *(
                    taken(f"services.{logical(process.name)}TargetsName", f"Targets of {process.name} in metrics")
                    for process in platform.services
                ),
            ),
            group(ENCRYPTION_GROUP, DATA_KEY),
        ),
        resources=(*_topic(), *alarms(platform), dashboard(platform), _budget()),
        outputs=(
            Output(
                "AlarmsTopicArn", Ref("Alarms"), "The topic of all alarms, to which more addresses can be added.", shown=True
            ),
            Output("DashboardUrl", _dashboard_url(), "The page that shows how the deployment is.", shown=True),
        ),
    )


def _dashboard_url() -> Sub:
    page = "https://${AWS::Region}.console.aws.amazon.com/cloudwatch/home?region=${AWS::Region}#dashboards:name=${Dashboard}"
    return Sub(page)


def _topic() -> Iterator[AWSObject]:
    yield Topic("Alarms", TopicName=named("alarms"), KmsMasterKeyId=Ref("DataKeyArn"), Tags=tags("alarms"))
    yield TopicPolicy("AlarmsPolicy", Topics=[Ref("Alarms")], PolicyDocument=_who_publishes())
    yield SubscriptionResource("AlarmsToAdministrator", TopicArn=Ref("Alarms"), Protocol="email", Endpoint=Ref(EMAIL.name))


def _who_publishes() -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AlarmsOfThisAccount",
                "Effect": "Allow",
                "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": Ref("Alarms"),
                "Condition": {"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}},
            },
            {
                "Sid": "OnlyTls",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sns:Publish",
                "Resource": Ref("Alarms"),
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    }


def _budget() -> Budget:
    """Its messages go to the address itself: budgets are of the account and not of a region, as topics are. Another address
    replaces it, which AWS refuses where the name is given."""
    return Budget(
        "Budget",
        Budget=BudgetData(
            BudgetType="COST",
            TimeUnit="MONTHLY",
            BudgetLimit=Spend(Amount=Ref("MonthlyBudget"), Unit="USD"),
        ),
        NotificationsWithSubscribers=[
            NotificationWithSubscribers(
                Notification=Notification(
                    NotificationType=kind, ComparisonOperator="GREATER_THAN", Threshold=percent, ThresholdType="PERCENTAGE"
                ),
                Subscribers=[Subscriber(SubscriptionType="EMAIL", Address=Ref(EMAIL.name))],
            )
            for percent, kind in MESSAGES
        ],
    )
