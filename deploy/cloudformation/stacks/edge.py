"""Edge: a REST API with a firewall before the load balancer: each operation of applications in the OpenAPI document."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from troposphere import AWSObject, Equals, GetAtt, If, Not, Ref, Sub
from troposphere.apigateway import (
    AccessLogSetting,
    ApiStage,
    Authorizer,
    BasePathMapping,
    Deployment,
    DomainName,
    EndpointConfiguration,
    MethodSetting,
    RestApi,
    Stage,
    ThrottleSettings,
    UsagePlan,
)
from troposphere.apigatewayv2 import VpcLink
from troposphere.ec2 import SecurityGroup
from troposphere.wafv2 import WebACLAssociation

from deploy.cloudformation.common import (
    BALANCER_ARN,
    BALANCER_HOST,
    BALANCER_SCHEME,
    DEPLOYMENT,
    ENCRYPTION_GROUP,
    LOG_DAYS,
    LOGS_KEY,
    NETWORK_GROUP,
    OPERATION_GROUP,
    PLATFORM_GROUP,
    PRIVATE_SUBNETS,
    VPC,
    accepted,
    group,
    named,
    tags,
    together,
)
from deploy.cloudformation.frame import Output, Parameter, Stack
from deploy.cloudformation.house import Platform
from deploy.cloudformation.parts import api_logs
from deploy.cloudformation.parts.firewall import RATE, firewall
from deploy.cloudformation.parts.methods import AUTHORIZER, methods, snapshots
from deploy.cloudformation.parts.operations import operations
from deploy.cloudformation.parts.refusals import refusals
from deploy.cloudformation.stacks import balancer

STAGE: Final = "api"
TLS: Final = "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09"  # TLS 1.2 and 1.3, with forward secrecy
POOL: Final = Parameter(
    name="ApplicationsPoolArn",
    label="ARN of the pool of applications",
    help="Output ApplicationsPoolArn of the stack `identity`.",
    source="identity.ApplicationsPoolArn",
)
DOMAIN: Final = Parameter(
    name="ApiDomain",
    label="Domain of the API",
    help="A host name of the company by which applications reach the platform, with its certificate below; its DNS record must "
    "point to the output ApiTarget. Empty: a name of API Gateway.",
    default="",
    pattern="([a-z0-9-]+([.][a-z0-9-]+)+)?",
    hint="a host name in small letters, or nothing",
)
CERTIFICATE: Final = Parameter(
    name="ApiCertificateArn",
    label="Certificate of that domain",
    help="ARN of its certificate in ACM, in the region of this deployment. Empty without a domain.",
    default="",
    pattern="(arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[a-z0-9-]+)?",
    hint="the ARN of a certificate in ACM, or nothing",
)
STEADY: Final = Parameter(
    name="ApiRequestsPerSecond",
    label="Requests a second",
    help="How many requests of all applications together go on to the services; more are answered with 429. Each application's "
    "own limits are set in the portal.",
    type="Number",
    default=500,
    lowest=1,
    highest=10_000,
)
BURST: Final = Parameter(
    name="ApiBurst",
    label="Requests at once",
    help="How many requests may come at once beyond that rate.",
    type="Number",
    default=1000,
    lowest=1,
    highest=5_000,
)


def stack(platform: Platform) -> Stack:
    """What applications reach."""
    return Stack(
        name="edge",
        title="Generative AI Foundation: the REST API with a firewall before the services.",
        groups=(
            group(PLATFORM_GROUP, DEPLOYMENT),
            group("API", DOMAIN, CERTIFICATE, STEADY, BURST, POOL),
            group("Firewall", RATE),
            group(NETWORK_GROUP, VPC, PRIVATE_SUBNETS, balancer.GROUP, BALANCER_ARN, BALANCER_HOST, BALANCER_SCHEME),
            group(OPERATION_GROUP, LOG_DAYS, api_logs.ROLE),
            group(ENCRYPTION_GROUP, LOGS_KEY),
        ),
        conditions={
            "OwnDomain": Not(Equals(Ref("ApiDomain"), "")),
            "OwnLogRole": Equals(Ref(api_logs.ROLE.name), "Make"),
            "Plain": Equals(Ref("BalancerScheme"), "http"),
            "Tls": Equals(Ref("BalancerScheme"), "https"),
        },
        rules={
            "ApiDomainHasCertificate": together(
                "ApiDomain", "ApiCertificateArn", "A domain of the API needs its certificate, and the other way round."
            )
        },
        resources=tuple(_resources(platform)),
        outputs=(
            Output("ApiUrl", _url(), "Where applications reach the platform; paths are added to it.", shown=True),
            Output(
                "ApiTarget",
                If("OwnDomain", GetAtt("Domain", "RegionalDomainName"), "none"),
                "Where the API's own domain must point; none without one.",
                shown=True,
            ),
            Output("ApiId", Ref("Api"), "The REST API."),
            Output("ApiName", named("api"), "Its name in metrics."),
        ),
    )


def _url() -> Any:
    own = Sub(f"https://${{Api}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{STAGE}")
    return If("OwnDomain", Sub("https://${ApiDomain}"), own)


def _resources(platform: Platform) -> Iterator[AWSObject]:
    api = RestApi(
        "Api",
        Name=named("api"),
        Description="Generative AI Foundation",
        EndpointConfiguration=EndpointConfiguration(Types=["REGIONAL"]),
        SecurityPolicy=TLS,
        EndpointAccessMode="STRICT",
        DisableExecuteApiEndpoint=If("OwnDomain", True, False),
        BinaryMediaTypes=["*/*"],  # every body goes through as it is
        Tags=tags("api"),
    )
    authorizer = Authorizer(
        AUTHORIZER,
        Name="applications",
        RestApiId=Ref("Api"),
        Type="COGNITO_USER_POOLS",
        ProviderARNs=[Ref("ApplicationsPoolArn")],
        IdentitySource="method.request.header.Authorization",
        AuthorizerResultTtlInSeconds=300,  # the service asks within seconds whether the client is still let in
    )
    served = (api, authorizer, *refusals(), *methods(operations(platform)))
    kept = snapshots(served)
    yield from (*served, *kept.values())
    yield from _link()
    yield from api_logs.api_logs(STAGE)
    yield from _stage(kept)
    yield from firewall("ApiFirewall", "api", "REGIONAL")
    yield WebACLAssociation(
        "ApiFirewallBefore",
        WebACLArn=GetAtt("ApiFirewall", "Arn"),
        ResourceArn=Sub("arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${Api}/stages/${Stage}"),
    )
    yield from _domain()


def _link() -> Iterator[AWSObject]:
    """The private way to the load balancer: API Gateway's own interfaces in the VPC, which reach nothing else."""
    yield SecurityGroup(
        "LinkGroup",
        GroupDescription="Security group of the private way of API Gateway.",
        VpcId=Ref("VpcId"),
        SecurityGroupEgress=[
            {
                "IpProtocol": "tcp",
                "FromPort": port,
                "ToPort": port,
                "DestinationSecurityGroupId": Ref("BalancerGroupId"),
                "Description": "The load balancer",
            }
            for port in (80, 443)
        ],
        Tags=tags("api-link"),
    )
    yield VpcLink(
        "Link",
        Name=named("api"),
        SubnetIds=Ref("PrivateSubnets"),
        SecurityGroupIds=[GetAtt("LinkGroup", "GroupId")],
        Tags={"Name": named("api"), "Deployment": Ref("Deployment")},
    )


def _stage(kept: Mapping[str, Deployment]) -> Iterator[AWSObject]:
    yield Stage(
        "Stage",
        RestApiId=Ref("Api"),
        StageName=STAGE,
        DeploymentId=If("Tls", Ref(kept["https"]), Ref(kept["http"])),
        AccessLogSetting=AccessLogSetting(DestinationArn=GetAtt("ApiLogs", "Arn"), Format=api_logs.FORMAT),
        MethodSettings=[
            MethodSetting(
                ResourcePath="/*",
                HttpMethod="*",
                MetricsEnabled=True,
                LoggingLevel="ERROR",
                DataTraceEnabled=False,  # bodies hold prompts and documents
                ThrottlingRateLimit=Ref("ApiRequestsPerSecond"),
                ThrottlingBurstLimit=Ref("ApiBurst"),
            )
        ],
        TracingEnabled=True,
        # Whether the API's own address answers holds from the stage's next change on: so the stage changes with its domain.
        Variables={"logs": api_logs.ROLE_IS_THERE, "domain": If("OwnDomain", Ref("ApiDomain"), "none")},
        DependsOn="ApiFailures",
        Tags=tags("api"),
        Metadata=accepted(
            "CKV_AWS_120",
            "What one caller may know is not kept for another; the services themselves keep what may be kept",
        ),
    )
    yield UsagePlan(
        "UsagePlan",
        UsagePlanName=named("api"),
        Description="What all applications together may ask; each application's own limits are the platform's",
        ApiStages=[ApiStage(ApiId=Ref("Api"), Stage=Ref("Stage"))],
        Throttle=ThrottleSettings(RateLimit=Ref("ApiRequestsPerSecond"), BurstLimit=Ref("ApiBurst")),
        Tags=tags("api"),
    )


def _domain() -> Iterator[AWSObject]:
    yield DomainName(
        "Domain",
        DomainName=Ref("ApiDomain"),
        RegionalCertificateArn=Ref("ApiCertificateArn"),
        EndpointConfiguration=EndpointConfiguration(Types=["REGIONAL"]),
        SecurityPolicy=TLS,
        EndpointAccessMode="STRICT",
        Tags=tags("api"),
        Condition="OwnDomain",
    )
    yield BasePathMapping(
        "DomainToStage", DomainName=Ref("Domain"), RestApiId=Ref("Api"), Stage=Ref("Stage"), Condition="OwnDomain"
    )
