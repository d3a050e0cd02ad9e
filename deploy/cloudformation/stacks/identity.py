"""Identity: who applications and administrators are, in two Cognito pools that know nothing of each other."""

from collections.abc import Iterator
from typing import Any, Final

from troposphere import AWSObject, Equals, GetAtt, If, Not, Ref, Sub
from troposphere.cognito import (
    AccountRecoverySetting,
    AdminCreateUserConfig,
    AttributeType,
    PasswordPolicy,
    Policies,
    RecoveryOption,
    ResourceServerScopeType,
    TokenValidityUnits,
    UserPool,
    UserPoolAddOns,
    UserPoolClient,
    UserPoolDomain,
    UserPoolResourceServer,
    UserPoolUser,
)

from deploy.cloudformation.common import ADMINISTRATORS_GROUP, DEPLOYMENT, KEPT, PLATFORM_GROUP, PROTECTED, group, named
from deploy.cloudformation.frame import Output, Parameter, Stack
from deploy.cloudformation.house import Platform
from deploy.cloudformation.parts.own_id import own_id
from foundation.ports import SCOPE

SERVER, _, WORD = SCOPE.partition("/")
EMAIL: Final = Parameter(
    name="AdministratorEmail",
    label="E-mail address of the first administrator",
    help="Gets a message with a first password for the portal, the alarms, the messages of the budget, and word of a file "
    "that is destroyed by hand or of a step of a stack that gave no answer.",
    pattern=r"[^\s@]+@[^\s@]+\.[^\s@]+",
    hint="an e-mail address",
)
MFA: Final = Parameter(
    name="AdministratorMfa",
    label="Second factor of administrators",
    help="Whether administrators need a code of an authenticator app: OFF, OPTIONAL, or ON for everybody. "
    "Cognito's page asks for it at the first sign-in where it is ON; where it is OPTIONAL, nobody is asked.",
    default="ON",
    allowed=("OFF", "OPTIONAL", "ON"),
)
PORTAL_URL: Final = Parameter(
    name="PortalUrl",
    label="URL of the portal",
    help="Where browsers reach the portal, without a path; output PortalUrl of the stack `front`.",
    pattern="https://[^/]+",
    hint="https:// and a host, without a slash at its end",
    source="front.PortalUrl",
)


def stack(platform: Platform) -> Stack:
    """The directory of a deployment."""
    return Stack(
        name="identity",
        title="Generative AI Foundation: the pools of applications and of administrators.",
        groups=(
            group(PLATFORM_GROUP, DEPLOYMENT),
            group(ADMINISTRATORS_GROUP, EMAIL, MFA, PORTAL_URL),
        ),
        conditions={"Mfa": Not(Equals(Ref("AdministratorMfa"), "OFF"))},
        resources=(*_applications(), *_administrators()),
        outputs=(
            own_id("identity"),
            Output("ApplicationsPoolId", Ref("ApplicationsPool"), "The pool whose clients are applications.", shown=True),
            Output("ApplicationsPoolArn", GetAtt("ApplicationsPool", "Arn"), "Its ARN."),
            Output("ApplicationsIssuer", _issuer("Applications"), "The `iss` of applications' tokens."),
            Output("ApplicationsDomain", _domain_url("Applications"), "Where applications get tokens.", shown=True),
            Output("AdministratorsPoolId", Ref("AdministratorsPool"), "The pool of administrators.", shown=True),
            Output("AdministratorsPoolArn", GetAtt("AdministratorsPool", "Arn"), "Its ARN."),
            Output("AdministratorsIssuer", _issuer("Administrators"), "The `iss` of administrators' tokens."),
            Output("AdministratorsDomain", _domain_url("Administrators"), "Where administrators sign in.", shown=True),
            Output("AdministratorsClient", Ref("PortalClient"), "The portal's client id."),
            Output("Scope", SCOPE, "The scope that an application asks for.", shown=True),
        ),
    )


def _applications() -> Iterator[AWSObject]:
    """No user ever: clients alone, which the portal makes."""
    yield _pool("ApplicationsPool", "applications", MfaConfiguration="ON", EnabledMfas=["SOFTWARE_TOKEN_MFA"])
    yield UserPoolResourceServer(
        "ResourceServer",
        UserPoolId=Ref("ApplicationsPool"),
        Identifier=SERVER,
        Name=named("api"),
        Scopes=[ResourceServerScopeType(ScopeName=WORD, ScopeDescription="Call the platform")],
    )
    yield _domain("applications")


def _administrators() -> Iterator[AWSObject]:
    yield _pool(
        "AdministratorsPool",
        "administrators",
        MfaConfiguration=Ref("AdministratorMfa"),
        EnabledMfas=If("Mfa", ["SOFTWARE_TOKEN_MFA"], Ref("AWS::NoValue")),
        UsernameAttributes=["email"],
        AutoVerifiedAttributes=["email"],
    )
    yield _domain("administrators")
    yield UserPoolClient(
        "PortalClient",
        UserPoolId=Ref("AdministratorsPool"),
        ClientName=named("portal"),
        GenerateSecret=False,  # PKCE, as the portal's sign-in does everywhere
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid", "email", "profile"],
        CallbackURLs=[Sub("${PortalUrl}/admin/oidc/callback/")],
        LogoutURLs=[Sub("${PortalUrl}/admin/")],
        SupportedIdentityProviders=["COGNITO"],
        ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH"],
        PreventUserExistenceErrors="ENABLED",
        EnableTokenRevocation=True,
        AccessTokenValidity=60,
        IdTokenValidity=60,
        RefreshTokenValidity=8,
        TokenValidityUnits=TokenValidityUnits(AccessToken="minutes", IdToken="minutes", RefreshToken="hours"),
    )
    yield UserPoolUser(
        "FirstAdministrator",
        UserPoolId=Ref("AdministratorsPool"),
        Username=Ref("AdministratorEmail"),
        DesiredDeliveryMediums=["EMAIL"],
        UserAttributes=[
            AttributeType(Name="email", Value=Ref("AdministratorEmail")),
            AttributeType(Name="email_verified", Value="true"),
        ],
        **KEPT,
    )


def _pool(title: str, name: str, **more: Any) -> UserPool:
    return UserPool(
        title,
        UserPoolName=named(name),
        DeletionProtection="ACTIVE",
        UserPoolTier="PLUS",  # threat protection; paid for each user who signs in, and only administrators do
        UserPoolAddOns=UserPoolAddOns(AdvancedSecurityMode="ENFORCED"),
        AdminCreateUserConfig=AdminCreateUserConfig(AllowAdminCreateUserOnly=True),
        AccountRecoverySetting=AccountRecoverySetting(RecoveryMechanisms=[RecoveryOption(Name="verified_email", Priority=1)]),
        Policies=Policies(
            PasswordPolicy=PasswordPolicy(
                MinimumLength=14,
                RequireLowercase=True,
                RequireUppercase=True,
                RequireNumbers=True,
                RequireSymbols=True,
                TemporaryPasswordValidityDays=7,
            )
        ),
        UserPoolTags={"Name": named(name), "Deployment": Ref("Deployment")},
        **PROTECTED,
        **more,
    )


def _domain(name: str) -> UserPoolDomain:
    pool = name.capitalize()
    return UserPoolDomain(
        f"{pool}Domain", UserPoolId=Ref(f"{pool}Pool"), Domain=Sub(f"${{Deployment}}-{name}-${{AWS::AccountId}}")
    )


def _domain_url(pool: str) -> Sub:
    return Sub(f"https://${{{pool}Domain}}.auth.${{AWS::Region}}.amazoncognito.com")


def _issuer(pool: str) -> Sub:
    return Sub(f"https://cognito-idp.${{AWS::Region}}.amazonaws.com/${{{pool}Pool}}")
