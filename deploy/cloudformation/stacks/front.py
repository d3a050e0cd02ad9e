"""Front: CloudFront with a firewall before the load balancer, for browsers: the portal and its static files."""

from collections.abc import Iterator
from typing import Any, Final

from troposphere import AWSObject, Equals, GetAtt, If, Not, Ref, Sub
from troposphere.cloudfront import (
    CacheBehavior,
    CacheCookiesConfig,
    CacheHeadersConfig,
    CachePolicy,
    CachePolicyConfig,
    CacheQueryStringsConfig,
    ContentTypeOptions,
    DefaultCacheBehavior,
    Distribution,
    DistributionConfig,
    Function,
    FunctionAssociation,
    FunctionConfig,
    Logging,
    Origin,
    OriginGroup,
    OriginGroupFailoverCriteria,
    OriginGroupMember,
    OriginGroupMembers,
    OriginGroups,
    ParametersInCacheKeyAndForwardedToOrigin,
    ResponseHeadersPolicy,
    ResponseHeadersPolicyConfig,
    SecurityHeadersConfig,
    StatusCodes,
    StrictTransportSecurity,
    ViewerCertificate,
    VpcOrigin,
    VpcOriginConfig,
    VpcOriginEndpointConfig,
)

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
    accepted,
    group,
    named_worldwide,
    tags,
    together,
    unlinted,
)
from deploy.cloudformation.frame import Output, Parameter, Stack
from deploy.cloudformation.house import Platform
from deploy.cloudformation.parts import front_firewall
from deploy.cloudformation.parts.firewall import RATE
from deploy.cloudformation.parts.functions import FOLDER
from deploy.cloudformation.parts.log_bucket import PORTAL_LOGS
from deploy.cloudformation.parts.routes import browsers

NO_CACHE: Final = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # AWS's policy Managed-CachingDisabled
ALL_OF_VIEWER: Final = "216adef6-2c7f-47e4-b989-5492eafa07d3"  # AWS's policy Managed-AllViewer
STATIC: Final = "/static/*"
YEAR: Final = 31_536_000
DAY: Final = 86_400
TWICE: Final = "services-twice"
WAIT_SECONDS: Final = 60  # for a first byte of the load balancer; a higher one needs a quota of CloudFront
DOMAIN: Final = Parameter(
    name="PortalDomain",
    label="Domain of the portal",
    help="A host name of the company by which browsers reach the portal, with its certificate below; its DNS record must point "
    "to the output PortalTarget. Empty: a name of CloudFront. Without an own domain CloudFront also speaks TLS 1.0.",
    default="",
    pattern="([a-z0-9-]+([.][a-z0-9-]+)+)?",
    hint="a host name in small letters, or nothing",
)
CERTIFICATE: Final = Parameter(
    name="PortalCertificateArn",
    label="Certificate of that domain",
    help="ARN of its certificate in ACM, which must be in us-east-1 wherever this deployment is. Empty without a domain.",
    default="",
    pattern="(arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/[a-z0-9-]+)?",
    hint="the ARN of a certificate in ACM in us-east-1, or nothing",
)
LOGS: Final = Parameter(
    name="LogsBucketDomain",
    label="Domain of the bucket of logs",
    help="Output LogsBucketDomain of the stack `data`.",
    source="data.LogsBucketDomain",
)
PLACES: Final = Parameter(
    name="PriceClass",
    label="Where CloudFront answers",
    help="From which places: PriceClass_100 North America and Europe, PriceClass_200 also Asia and others, PriceClass_All all.",
    default="PriceClass_100",
    allowed=("PriceClass_100", "PriceClass_200", "PriceClass_All"),
)


def stack(platform: Platform) -> Stack:
    """What browsers reach."""
    return Stack(
        name="front",
        title="Generative AI Foundation: CloudFront with a firewall before the portal.",
        groups=(
            group(PLATFORM_GROUP, DEPLOYMENT),
            group("Portal", DOMAIN, CERTIFICATE, PLACES),
            group("Firewall", front_firewall.GIVEN, RATE),
            group(NETWORK_GROUP, BALANCER_ARN, BALANCER_HOST, BALANCER_SCHEME),
            group(OPERATION_GROUP, LOG_DAYS),
            group(ENCRYPTION_GROUP, LOGS_KEY),
            group("Data", LOGS),
        ),
        conditions={
            **front_firewall.CONDITIONS,
            "OwnDomain": Not(Equals(Ref("PortalDomain"), "")),
            "Tls": Equals(Ref("BalancerScheme"), "https"),
        },
        rules={
            "DomainHasCertificate": together(
                "PortalDomain", "PortalCertificateArn", "A domain of the portal needs its certificate, and the other way round."
            )
        },
        resources=(
            *front_firewall.front_firewall(platform),
            *_policies(),
            VpcOrigin(
                "Way",
                VpcOriginEndpointConfig=VpcOriginEndpointConfig(
                    Name=named_worldwide("services"),
                    Arn=Ref("BalancerArn"),
                    OriginProtocolPolicy=If("Tls", "https-only", "http-only"),
                    OriginSSLProtocols=["TLSv1.2"],
                ),
                Tags=tags("services"),
            ),
            _distribution(platform),
        ),
        outputs=(
            Output("PortalUrl", _url(), "Where browsers reach the portal, without a path.", shown=True),
            Output(
                "PortalTarget", GetAtt("Distribution", "DomainName"), "Where the portal's own domain must point.", shown=True
            ),
            Output("DistributionId", Ref("Distribution"), "The distribution in CloudFront and its metrics."),
        ),
    )


def _url() -> Any:
    return If("OwnDomain", Sub("https://${PortalDomain}"), Sub("https://${Distribution.DomainName}"))


def _policies() -> Iterator[AWSObject]:
    """What is kept, what every answer says to browsers, and who answers paths that are nobody's."""
    yield CachePolicy(
        "StaticCache",
        CachePolicyConfig=CachePolicyConfig(
            Name=named_worldwide("static"),
            Comment="Static files, for as long as the service says",
            MinTTL=0,
            DefaultTTL=60,
            MaxTTL=DAY,
            ParametersInCacheKeyAndForwardedToOrigin=ParametersInCacheKeyAndForwardedToOrigin(
                EnableAcceptEncodingGzip=True,
                EnableAcceptEncodingBrotli=True,
                CookiesConfig=CacheCookiesConfig(CookieBehavior="none"),
                HeadersConfig=CacheHeadersConfig(HeaderBehavior="none"),
                QueryStringsConfig=CacheQueryStringsConfig(QueryStringBehavior="none"),
            ),
        ),
    )
    yield ResponseHeadersPolicy(  # every other header of security is the service's own, and differs from page to page
        "SafeHeaders",
        ResponseHeadersPolicyConfig=ResponseHeadersPolicyConfig(
            Name=named_worldwide("headers"),
            Comment="Browsers come by TLS alone",
            SecurityHeadersConfig=SecurityHeadersConfig(
                StrictTransportSecurity=StrictTransportSecurity(
                    AccessControlMaxAgeSec=YEAR, IncludeSubdomains=False, Preload=False, Override=True
                ),
                ContentTypeOptions=ContentTypeOptions(Override=True),
            ),
        ),
    )
    yield Function(
        "Nobody",
        Name=named_worldwide("nobody"),
        AutoPublish=True,
        FunctionCode=(FOLDER / "nobody.js").read_text(),
        FunctionConfig=FunctionConfig(Comment="Answers what is not the portal's", Runtime="cloudfront-js-2.0"),
    )


def _distribution(platform: Platform) -> Distribution:
    return Distribution(
        "Distribution",
        DistributionConfig=DistributionConfig(
            Comment=Sub("The portal of ${Deployment}"),
            DefaultRootObject="admin",
            Enabled=True,
            HttpVersion="http2and3",
            IPV6Enabled=True,
            PriceClass=Ref("PriceClass"),
            Aliases=If("OwnDomain", [Ref("PortalDomain")], Ref("AWS::NoValue")),
            ViewerCertificate=If(
                "OwnDomain",
                ViewerCertificate(
                    AcmCertificateArn=Ref("PortalCertificateArn"),
                    MinimumProtocolVersion="TLSv1.2_2021",
                    SslSupportMethod="sni-only",
                ),
                Ref("AWS::NoValue"),
            ),
            WebACLId=front_firewall.ARN,
            Logging=Logging(Bucket=Ref(LOGS.name), Prefix=PORTAL_LOGS, IncludeCookies=False),
            Origins=[_origin("services"), _origin("services-again")],
            OriginGroups=OriginGroups(Quantity=1, Items=[_twice("services", "services-again")]),
            CacheBehaviors=[CacheBehavior(PathPattern=path, **_passed(path)) for path in browsers(platform)],
            DefaultCacheBehavior=DefaultCacheBehavior(
                **_passed("*"),
                FunctionAssociations=[
                    FunctionAssociation(EventType="viewer-request", FunctionARN=GetAtt("Nobody", "FunctionARN"))
                ],
            ),
        ),
        Tags=tags("portal"),
        Metadata=unlinted("W1030")  # the certificate is only used where there is one
        | accepted(
            "CKV_AWS_174",
            "With an own domain it speaks TLS 1.2 and newer alone; the certificate of CloudFront's names allows no choice",
        ),
    )


def _origin(name: str) -> Origin:
    return Origin(
        Id=name,
        DomainName=Ref("BalancerHost"),
        VpcOriginConfig=VpcOriginConfig(
            VpcOriginId=GetAtt("Way", "Id"), OriginReadTimeout=WAIT_SECONDS, OriginKeepaliveTimeout=WAIT_SECONDS
        ),
    )


def _twice(first: str, second: str) -> OriginGroup:
    """A static file that a container cannot give at the moment is asked for once more; the balancer chooses another."""
    return OriginGroup(
        Id=TWICE,
        FailoverCriteria=OriginGroupFailoverCriteria(StatusCodes=StatusCodes(Quantity=3, Items=[502, 503, 504])),
        Members=OriginGroupMembers(Quantity=2, Items=[OriginGroupMember(OriginId=each) for each in (first, second)]),
    )


def _passed(path: str) -> dict[str, Any]:
    """How requests of a path go to the load balancer. Static files are kept; all else is asked each time."""
    kept = path == STATIC
    return {
        "TargetOriginId": TWICE if kept else "services",
        "ViewerProtocolPolicy": "redirect-to-https",
        "AllowedMethods": ["GET", "HEAD"] if kept else ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"],
        "CachedMethods": ["GET", "HEAD"],
        "CachePolicyId": Ref("StaticCache") if kept else NO_CACHE,
        "OriginRequestPolicyId": ALL_OF_VIEWER,
        "ResponseHeadersPolicyId": Ref("SafeHeaders"),
        "Compress": True,
    }
