"""The settings of what the platform stands on, where it is reached, and who signs in; settings.py has all others."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from foundation.defaults import (
    NeededOnAws,
    administrators_issuer,
    applications_issuer,
    kept_secret,
    needed_to_sign,
    vectors_by_platform,
)
from foundation.readers import (
    deployment,
    one_of,
    path,
    redis_url,
    region,
    setting,
    url,
    whole,
    words,
)

BASE_DIR: Final = Path(__file__).resolve().parents[2]
HOME: Final = str(BASE_DIR / ".foundation")


@dataclass(frozen=True, kw_only=True)
class PlatformSettings:
    """Each from one environment variable."""

    platform: str = setting(
        "PLATFORM", one_of("embedded", "aws"), "embedded", "What the processes stand on: this machine alone, or AWS."
    )
    serve: tuple[str, ...] = setting(
        "SERVE", words, "all", "The capabilities that a process serves, by folder name under apps/."
    )
    home: Path = setting("FOUNDATION_HOME", path, HOME, "The folder that holds all data when embedded.")
    vector_store: str = setting(
        "VECTOR_STORE",
        one_of("lancedb", "opensearch", "opensearchserverless"),
        vectors_by_platform,
        "Where vectors are: on this machine, in a cluster of OpenSearch, or in a collection of OpenSearch Serverless.",
    )
    aws_region: str = setting("AWS_REGION", region, needed_to_sign, "The AWS region of the deployment, for example us-west-2.")
    deployment: str = setting(
        "DEPLOYMENT", deployment, "foundation", "With what the names of a deployment's tables, queues and secrets begin."
    )
    secrets_key: str = setting(
        "SECRETS_KEY",
        str,
        "",
        "The ARN of the KMS key that encrypts secrets which the platform makes on AWS; empty: AWS's own key.",
    )
    files_bucket: str = setting("FILES_BUCKET", str, NeededOnAws("FILES_BUCKET"), "The S3 bucket of all files.")
    redis_url: str = setting(
        "REDIS_URL", redis_url, NeededOnAws("REDIS_URL"), "The Redis of counters and limits, for example rediss://cache:6379."
    )
    redis_cache: str = setting(
        "REDIS_CACHE",
        str,
        "",
        "The name of the serverless cache of ElastiCache that REDIS_URL leads to: connections sign in with the role of the "
        "process, as the user of REDIS_URL, which has no password then. Empty: they sign in with what REDIS_URL has.",
    )
    applications_pool: str = setting(
        "APPLICATIONS_POOL", str, NeededOnAws("APPLICATIONS_POOL"), "The Cognito user pool whose clients are applications."
    )
    administrators_pool: str = setting(
        "ADMINISTRATORS_POOL", str, NeededOnAws("ADMINISTRATORS_POOL"), "The Cognito user pool of administrators."
    )
    host: str = setting("HOST", str, "127.0.0.1", "The address that the web server listens on.")
    port: int = setting("PORT", whole(1, 65535), "8000", "The port that the web server listens on.")
    web_concurrency: int = setting("WEB_CONCURRENCY", whole(1, 64), "1", "Web server processes.")
    worker_concurrency: int = setting(
        "WORKER_CONCURRENCY", whole(1, 64), "2", "Messages that a worker process works on at once."
    )
    keep_alive: int = setting(
        "KEEP_ALIVE",
        whole(1, 3600),
        "5",
        "Seconds for which an idle connection stays open, also while the web server stops; "
        "behind a load balancer, more than its own idle time.",
    )
    public_url: str = setting(
        "PUBLIC_URL",
        url,
        NeededOnAws("PUBLIC_URL", lambda known: f"http://{known.host}:{known.port}"),
        "Where browsers reach the platform.",
    )
    api_url: str = setting(
        "API_URL",
        url,
        NeededOnAws("API_URL", lambda known: known.public_url),
        "Where applications, and the portal on an administrator's behalf, reach the API.",
    )
    issuer_url: str = setting(
        "ISSUER_URL",
        url,
        lambda known: known.public_url,
        "Where the endpoints of the embedded issuer are reached, for applications and administrators.",
    )
    applications_domain: str = setting(
        "APPLICATIONS_DOMAIN",
        url,
        NeededOnAws("APPLICATIONS_DOMAIN", lambda known: known.issuer_url),
        "Where applications get tokens: the URL of their pool's domain.",
    )
    applications_issuer: str = setting(
        "APPLICATIONS_ISSUER", url, applications_issuer, "The `iss` of applications' tokens; its keys are published under it."
    )
    administrators_domain: str = setting(
        "ADMINISTRATORS_DOMAIN",
        url,
        NeededOnAws("ADMINISTRATORS_DOMAIN", lambda known: known.issuer_url),
        "Where administrators sign in: the URL of their pool's domain.",
    )
    administrators_issuer: str = setting(
        "ADMINISTRATORS_ISSUER",
        url,
        administrators_issuer,
        "The `iss` of administrators' tokens; its keys are published under it.",
    )
    administrators_client: str = setting(
        "ADMINISTRATORS_CLIENT",
        str,
        NeededOnAws("ADMINISTRATORS_CLIENT", "administration-portal"),
        "The portal's OpenID Connect client id.",
    )
    ca_file: str = setting("CA_FILE", str, "", "A certificate authority to trust when the issuer is called over https.")
    tls_certificate: str = setting(
        "TLS_CERTIFICATE", str, "", "The web server's certificate chain; set with TLS_KEY to serve https."
    )
    tls_key: str = setting("TLS_KEY", str, "", "The private key of TLS_CERTIFICATE.")
    secret_key: str = setting("SECRET_KEY", str, NeededOnAws("SECRET_KEY", kept_secret), "Signs URLs, cursors and sessions.")
    secret_key_fallbacks: tuple[str, ...] = setting(
        "SECRET_KEY_FALLBACKS",
        words,
        "",
        "Other keys whose signatures are good, with commas between them: former ones of SECRET_KEY, and the one after it.",
    )
    token_lifetime: int = setting("TOKEN_LIFETIME", whole(300, 86400), "3600", "Seconds for which an access token is good.")

    @property
    def secure(self) -> bool:
        """Whether browsers reach the platform over https."""
        return self.public_url.startswith("https://")

    @property
    def origin(self) -> str:
        """Scheme and host of PUBLIC_URL, without its path."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}"
