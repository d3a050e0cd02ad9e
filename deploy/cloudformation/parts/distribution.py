"""The distribution of CloudFront: which paths it passes on to the load balancer, what it keeps, whom it refuses."""

from collections.abc import Iterator
from typing import Any, Final

from troposphere import AWSObject, GetAtt, If, Ref, Split, Sub
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
    GeoRestriction,
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
    Restrictions,
    SecurityHeadersConfig,
    StatusCodes,
    StrictTransportSecurity,
    ViewerCertificate,
    VpcOrigin,
    VpcOriginConfig,
    VpcOriginEndpointConfig,
)

from deploy.cloudformation.common import named_worldwide, tags, unlinted
from deploy.cloudformation.frame import logical
from deploy.cloudformation.house import Platform
from deploy.cloudformation.parts import front_firewall
from deploy.cloudformation.parts.functions import FOLDER
from deploy.cloudformation.parts.log_bucket import PORTAL_LOGS
from deploy.cloudformation.parts.routes import browsers

NO_CACHE: Final = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # AWS's policy Managed-CachingDisabled
ALL_OF_VIEWER: Final = "33f36d7e-f396-46d9-90e0-52428a34d9dc"  # AWS's policy AllViewerAndCloudFrontHeaders-2022-06
STATIC: Final = "/static/*"
YEAR: Final = 31_536_000
DAY: Final = 86_400
TWICE: Final = "services-twice"
WAIT_SECONDS: Final = 60  # for a first byte of the load balancer; a higher one needs a quota of CloudFront
FUNCTIONS: Final = {"Door": "Stands before every page", "Nobody": "Answers what is not the portal's"}


def distribution(platform: Platform) -> Iterator[AWSObject]:
    """What is kept, what every answer says to browsers, the functions at the edge, the private way, the distribution."""
    yield _static_cache()
    yield _safe_headers()
    for title, meaning in FUNCTIONS.items():
        yield Function(
            title,
            Name=named_worldwide(title.lower()),
            AutoPublish=True,
            FunctionCode=(FOLDER / f"{title.lower()}.js").read_text(),
            FunctionConfig=FunctionConfig(Comment=meaning, Runtime="cloudfront-js-2.0"),
        )
    yield from (_way(scheme, when) for scheme, when in (("http", "Plain"), ("https", "Tls")))
    yield _distribution(platform)


def _way(scheme: str, when: str) -> VpcOrigin:
    """The private way by a scheme. CloudFront changes none that a distribution uses: another scheme is another way."""
    return VpcOrigin(
        logical("way", scheme),
        VpcOriginEndpointConfig=VpcOriginEndpointConfig(
            Name=named_worldwide(f"services-{scheme}"),
            Arn=Ref("BalancerArn"),
            OriginProtocolPolicy=f"{scheme}-only",
            OriginSSLProtocols=["TLSv1.2"],
        ),
        Condition=when,
        Tags=tags(f"services-{scheme}"),
    )


def _static_cache() -> CachePolicy:
    return CachePolicy(
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


def _safe_headers() -> ResponseHeadersPolicy:
    """Every other header of security is the service's own, and differs from page to page."""
    return ResponseHeadersPolicy(
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
            ViewerCertificate=_certificate(),
            Restrictions=Restrictions(
                GeoRestriction=GeoRestriction(
                    RestrictionType=If("Everywhere", "none", "blacklist"),
                    Locations=If("Everywhere", Ref("AWS::NoValue"), Split(",", Ref("RefusedCountries"))),
                )
            ),
            WebACLId=front_firewall.ARN,
            Logging=Logging(Bucket=Ref("LogsBucketDomain"), Prefix=PORTAL_LOGS, IncludeCookies=False),
            Origins=[_origin("services"), _origin("services-again")],
            OriginGroups=OriginGroups(Quantity=1, Items=[_twice("services", "services-again")]),
            CacheBehaviors=[CacheBehavior(PathPattern=path, **_passed(path, "Door")) for path in browsers(platform)],
            DefaultCacheBehavior=DefaultCacheBehavior(**_passed("*", "Nobody")),
        ),
        Tags=tags("portal"),
        Metadata=unlinted("W1030"),  # the certificate is only used where there is one
    )


def _certificate() -> ViewerCertificate:
    """CloudFront lets its own names' certificate speak older TLS, whatever is asked for here: then the door refuses it."""
    return ViewerCertificate(
        AcmCertificateArn=If("OwnDomain", Ref("PortalCertificateArn"), Ref("AWS::NoValue")),
        CloudFrontDefaultCertificate=If("OwnDomain", Ref("AWS::NoValue"), True),
        MinimumProtocolVersion="TLSv1.2_2021",
        SslSupportMethod=If("OwnDomain", "sni-only", Ref("AWS::NoValue")),
    )


def _origin(name: str) -> Origin:
    return Origin(
        Id=name,
        DomainName=Ref("BalancerHost"),
        VpcOriginConfig=VpcOriginConfig(
            VpcOriginId=If("Tls", GetAtt("WayHttps", "Id"), GetAtt("WayHttp", "Id")),
            OriginReadTimeout=WAIT_SECONDS,
            OriginKeepaliveTimeout=WAIT_SECONDS,
        ),
    )


def _twice(first: str, second: str) -> OriginGroup:
    """A static file that a container cannot give at the moment is asked for once more; the balancer chooses another."""
    return OriginGroup(
        Id=TWICE,
        FailoverCriteria=OriginGroupFailoverCriteria(StatusCodes=StatusCodes(Quantity=3, Items=[502, 503, 504])),
        Members=OriginGroupMembers(Quantity=2, Items=[OriginGroupMember(OriginId=each) for each in (first, second)]),
    )


def _passed(path: str, function: str) -> dict[str, Any]:
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
        "FunctionAssociations": [FunctionAssociation(EventType="viewer-request", FunctionARN=GetAtt(function, "FunctionARN"))],
        "Compress": True,
    }
