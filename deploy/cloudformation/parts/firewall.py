"""The web application firewall: one list of rules, before CloudFront and before API Gateway, and its log."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from troposphere import AWSObject, GetAtt, Ref, Sub
from troposphere.wafv2 import (
    AllowAction,
    BlockAction,
    CountAction,
    DefaultAction,
    LoggingConfiguration,
    LoggingConfigurationFieldToMatch,
    ManagedRuleGroupStatement,
    OverrideAction,
    RateBasedStatement,
    RuleAction,
    RuleActionOverride,
    SingleHeader,
    Statement,
    VisibilityConfig,
    WebACL,
    WebACLRule,
)

from deploy.cloudformation.common import log_group, named, tags
from deploy.cloudformation.frame import Parameter

RATE: Final = Parameter(
    name="RequestsPerAddress",
    label="Requests of one address",
    help="How many requests one IP address may send in five minutes before it is refused; many callers may share an address.",
    type="Number",
    default=10_000,
    lowest=100,
    highest=2_000_000,
)
# Groups of rules, and those of them that only count: prompts and documents are long and may hold any text, also HTML and code.
MANAGED: Final[Mapping[str, tuple[str, ...]]] = {
    "AWSManagedRulesAmazonIpReputationList": (),
    "AWSManagedRulesKnownBadInputsRuleSet": ("JavaDeserializationRCE_BODY", "Log4JRCE_BODY", "ReactJSRCE_BODY"),
    "AWSManagedRulesCommonRuleSet": (
        "SizeRestrictions_BODY",
        "CrossSiteScripting_BODY",
        "EC2MetaDataSSRF_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        "NoUserAgent_HEADER",  # programs need not say who they are
    ),
}
SECRET_HEADERS: Final = ("authorization", "cookie", "x-api-key")


def firewall(title: str, name: str, scope: str, *, key: Any = None, place: str = "", **more: Any) -> Iterator[AWSObject]:
    """The web ACL with a logical id, its log group and what ties them. key: the KMS key of its log, as log_group takes it.
    place: what tells it from those of deployments of the same name in other regions, whose firewalls are in one with it.

    `more` (a Condition) holds for all three.
    """
    logs = f"aws-waf-logs-${{Deployment}}-{place}{name}"  # WAF writes to no group of another name
    yield log_group(f"{title}Logs", logs, key=key, **more)
    yield WebACL(
        title,
        Name=named(f"{place}{name}"),
        Scope=scope,
        Description="Refuses floods and known attacks",
        DefaultAction=DefaultAction(Allow=AllowAction()),
        VisibilityConfig=_seen(name),
        Rules=list(_rules()),
        Tags=tags(name),
        **more,
    )
    yield LoggingConfiguration(
        f"{title}Logging",
        ResourceArn=GetAtt(title, "Arn"),
        LogDestinationConfigs=[
            Sub(f"arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:${{{title}Logs}}")
        ],
        RedactedFields=[LoggingConfigurationFieldToMatch(SingleHeader=SingleHeader(Name=header)) for header in SECRET_HEADERS],
        **more,
    )


def _rules() -> Iterator[WebACLRule]:
    yield WebACLRule(
        Name="requests-of-one-address",
        Priority=0,
        Statement=Statement(RateBasedStatement=RateBasedStatement(Limit=Ref(RATE.name), AggregateKeyType="IP")),
        Action=RuleAction(Block=BlockAction()),
        VisibilityConfig=_seen("requests-of-one-address"),
    )
    for priority, (group, counted) in enumerate(MANAGED.items(), 1):
        yield WebACLRule(
            Name=group,
            Priority=priority,
            Statement=Statement(
                ManagedRuleGroupStatement=ManagedRuleGroupStatement(
                    VendorName="AWS",
                    Name=group,
                    RuleActionOverrides=[
                        RuleActionOverride(Name=rule, ActionToUse=RuleAction(Count=CountAction())) for rule in counted
                    ],
                )
            ),
            OverrideAction=OverrideAction(**{"None": {}}),
            VisibilityConfig=_seen(group),
        )


def _seen(name: str) -> VisibilityConfig:
    return VisibilityConfig(SampledRequestsEnabled=False, CloudWatchMetricsEnabled=True, MetricName=name)
