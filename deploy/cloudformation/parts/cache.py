"""The cache of counters and limits: ElastiCache Serverless with Redis's protocol, TLS, one user with a generated password."""

from collections.abc import Iterator

from troposphere import AWSObject, If, Ref, Sub
from troposphere.elasticache import CacheUsageLimits, DataStorage, ECPUPerSecond, ServerlessCache, User, UserGroup
from troposphere.secretsmanager import GenerateSecretString, Secret

from deploy.cloudformation.common import GONE, KEPT, named, tags


def cache() -> Iterator[AWSObject]:
    """The password, its user, the cache, and the secret that is the setting REDIS_URL."""
    yield from _users()
    yield _cache()
    yield secret(
        "RedisUrl",
        "redis-url",
        "The setting REDIS_URL.",
        SecretString=Sub(
            "rediss://foundation:{{resolve:secretsmanager:${CachePassword}:SecretString}}"
            "@${Cache.Endpoint.Address}:${Cache.Endpoint.Port}"
        ),
    )


def _users() -> Iterator[AWSObject]:
    yield secret(
        "CachePassword",
        "cache-password",
        "The password of the cache.",
        GenerateSecretString=GenerateSecretString(PasswordLength=64, ExcludePunctuation=True),
    )
    yield User(
        "CacheUser",
        UserId=named("cache"),
        UserName="foundation",
        Engine="valkey",
        AccessString="on ~* &* +@all -@admin -@dangerous",
        Passwords=[Sub("{{resolve:secretsmanager:${CachePassword}:SecretString}}")],
        Tags=tags("cache"),
    )
    yield UserGroup("CacheUsers", UserGroupId=named("cache"), Engine="valkey", UserIds=[Ref("CacheUser")], Tags=tags("cache"))


def _cache() -> ServerlessCache:
    return ServerlessCache(
        "Cache",
        ServerlessCacheName=named("cache"),
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


def settings() -> Iterator[AWSObject]:
    """Secrets that are settings: one that is made here, and the keys of model providers, which an operator fills in."""
    yield secret(
        "SecretKey",
        "secret-key",
        "The setting SECRET_KEY: signs URLs, cursors and sessions.",
        GenerateSecretString=GenerateSecretString(PasswordLength=64, ExcludePunctuation=True),
    )
    yield secret(
        "ProviderKeys",
        "provider-keys",
        "Keys of model providers outside AWS, by setting; empty ones are not used.",
        SecretString='{"ANTHROPIC_API_KEY": "", "OPENAI_API_KEY": "", "METRICS_TOKEN": ""}',
    )


def secret(title: str, name: str, meaning: str, **content: object) -> Secret:
    """A kept secret; its path is another than those that the Secrets port writes to."""
    return Secret(
        title,
        Name=Sub(f"${{Deployment}}-settings/{name}"),
        Description=meaning,
        KmsKeyId=Ref("DataKeyArn"),
        Tags=tags(name),
        **KEPT,
        **content,
    )
