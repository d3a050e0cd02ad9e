"""The cache of counters and limits: ElastiCache Serverless with Redis's protocol, TLS, one user whom roles sign in as."""

from collections.abc import Iterator
from typing import Final

from troposphere import AWSObject, If, Ref, Sub
from troposphere.elasticache import (
    AuthenticationMode,
    CacheUsageLimits,
    DataStorage,
    ECPUPerSecond,
    ServerlessCache,
    User,
    UserGroup,
)

from deploy.cloudformation.common import GONE, named, tags
from deploy.cloudformation.frame import Output
from deploy.cloudformation.names import CACHE, CACHE_USER

URL: Final = "rediss://${CacheUser}@${Cache.Endpoint.Address}:${Cache.Endpoint.Port}"


def cache() -> Iterator[AWSObject]:
    """The user, who has no password, and the cache."""
    yield User(
        "CacheUser",
        UserId=named(CACHE_USER),
        UserName=named(CACHE_USER),  # the same, as signing in by a role asks
        Engine="valkey",
        AccessString="on ~* &* +@all -@admin -@dangerous",
        AuthenticationMode=AuthenticationMode(Type="iam"),
        Tags=tags(CACHE_USER),
    )
    yield UserGroup("CacheUsers", UserGroupId=named("cache"), Engine="valkey", UserIds=[Ref("CacheUser")], Tags=tags("cache"))
    yield _cache()


def _cache() -> ServerlessCache:
    return ServerlessCache(
        "Cache",
        ServerlessCacheName=named(CACHE),
        Description="Counters and limits of all processes",
        Engine="valkey",
        MajorEngineVersion="8",
        KmsKeyId=Ref("DataKeyArn"),
        SubnetIds=Ref("PrivateSubnets"),
        SecurityGroupIds=[Ref("CacheGroupId")],
        UserGroupId=Ref("CacheUsers"),
        CacheUsageLimits=CacheUsageLimits(
            DataStorage=DataStorage(Maximum=If("Production", 10, 1), Unit="GB"),
            ECPUPerSecond=ECPUPerSecond(Maximum=If("Production", 100_000, 10_000)),
        ),
        SnapshotRetentionLimit=1,
        Tags=tags("cache"),
        **GONE,  # what it holds is of the running minute; and it would hold the network back
    )


def outputs() -> tuple[Output, ...]:
    """What a process has to know to sign in."""
    return (
        Output("CacheUrl", Sub(URL), "Where the cache is reached, and as which user."),
        Output("CacheName", Ref("Cache"), "Its name, which a role signs for."),
    )
