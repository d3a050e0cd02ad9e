"""Every setting, and the only reader of the environment.

A missing or wrong value stops the start with one line. docs/settings.md is generated from the fields of Settings.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from foundation import manifest, started
from foundation.defaults import (
    NeededOnAws,
    administrators_issuer,
    applications_issuer,
    engine_by_platform,
    kept_secret,
    needed_by_opensearch,
    needed_to_sign,
    vector_model_by_platform,
    vectors_by_platform,
)
from foundation.further import FURTHER, SECRETS, members, spread
from foundation.readers import (
    assignments,
    checked,
    deployment,
    one_of,
    or_nothing,
    pairs,
    path,
    read_fields,
    redis_url,
    region,
    setting,
    url,
    whole,
    words,
)

BASE_DIR: Final = Path(__file__).resolve().parents[2]
HOME: Final = str(BASE_DIR / ".foundation")
AWS_ENDPOINTS: Final = "AWS_ENDPOINT_URL"  # variables that begin so are read by AWS's client itself, when it is first needed


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The platform's settings, each from one environment variable."""

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
    body_limit_mb: int = setting("BODY_LIMIT_MB", whole(1, 100), "10", "Largest JSON body of a request.")
    upload_limit_mb: int = setting("UPLOAD_LIMIT_MB", whole(1, 5000), "500", "Largest document that can be uploaded.")
    extraction_engine: str = setting(
        "EXTRACTION_ENGINE",
        one_of("local", "textract"),
        engine_by_platform,
        "What reads documents: the engine in the worker itself, or Amazon Textract, which reads what is in FILES_BUCKET "
        "and needs PLATFORM to be aws. On AWS, local needs an image with the packages of requirements-embedded.txt.",
    )
    textract_jobs: int = setting(
        "TEXTRACT_JOBS",
        whole(1, 10_000),
        "100",
        "Documents that Textract reads for this deployment at once; no more than the account's quota of asynchronous jobs.",
    )
    model_aliases: Mapping[str, str] = setting(
        "MODEL_ALIASES",
        pairs,
        "",
        "Names answered by another model, as `kind:pattern=model`, for example text:*=smollm2-135m-instruct; "
        "a pattern covers only names of the catalogue that nothing else serves; a name without a pattern may be new.",
    )
    model_idle_seconds: int = setting(
        "MODEL_IDLE_SECONDS", whole(1, 86400), "300", "Seconds without a call after which a local model leaves the memory."
    )
    opensearch_url: str = setting(
        "OPENSEARCH_URL",
        url,
        needed_by_opensearch,
        "Where OpenSearch is reached; for a cluster with its user, for example https://user:password@search:9200.",
    )
    opensearch_engine: str = setting(
        "OPENSEARCH_ENGINE",
        one_of("faiss", "lucene"),
        "faiss",
        "The engine of new vector indexes in a cluster of OpenSearch; lucene where its faiss libraries are not there.",
    )
    vector_model: str = setting("VECTOR_MODEL", str, vector_model_by_platform, "The embedding model of new vector indexes.")
    openai_base_url: str = setting(
        "OPENAI_BASE_URL",
        or_nothing(url),
        "",
        "An OpenAI-compatible server (Ollama, vLLM, OpenAI), for example http://127.0.0.1:11434/v1.",
    )
    openai_api_key: str = setting("OPENAI_API_KEY", str, "", "The key that OPENAI_BASE_URL wants, if any.")
    openai_models: Mapping[str, str] = setting(
        "OPENAI_MODELS", pairs, "", "Models of OPENAI_BASE_URL, as `name=kind:id`, for example llama=text:llama3.2."
    )
    bedrock_region: str = setting(
        "BEDROCK_REGION",
        or_nothing(region),
        "",
        "The AWS region of Amazon Bedrock, for example eu-central-1; empty: Bedrock is not used. "
        "The credentials are found as AWS's own tools find them.",
    )
    bedrock_url: str = setting(
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
        or_nothing(url),
        "",
        "Bedrock's runtime API, where it is not the region's own: a VPC endpoint.",
    )
    bedrock_key: str = setting(
        "AWS_BEARER_TOKEN_BEDROCK", str, "", "A Bedrock API key, which is used in place of AWS credentials."
    )
    route_tries: int = setting(
        "ROUTE_TRIES", whole(1, 20), "4", "Most tries of one model call, at all deployments and fallbacks together."
    )
    route_deadline: int = setting(
        "ROUTE_DEADLINE",
        whole(1, 900),
        "300",
        "Seconds in which a whole answer, or the first of a streamed one, must have come, all tries together.",
    )
    route_first_token: int = setting(
        "ROUTE_FIRST_TOKEN", whole(1, 300), "120", "Seconds in which the first of a streamed answer must come from one try."
    )
    route_idle: int = setting(
        "ROUTE_IDLE", whole(1, 120), "60", "Longest silence in the middle of a streamed answer, in seconds."
    )
    route_longest: int = setting("ROUTE_LONGEST", whole(1, 900), "600", "Longest that a streamed answer may take, in seconds.")
    circuit_pause: int = setting(
        "CIRCUIT_PAUSE",
        whole(1, 300),
        "5",
        "Seconds for which a deployment that keeps failing is left alone before one call tries it; twice as long each time.",
    )
    journal_home: Path = setting(
        "JOURNAL_HOME",
        path,
        lambda known: Path(f"{known.home}/journal"),
        "The folder on this machine where the account of calls is durable before it is in the store.",
    )
    journal_limit_mb: int = setting(
        "JOURNAL_LIMIT_MB",
        whole(1, 100_000),
        "512",
        "How much of the account of calls may wait for the store, for each process; beyond that, calls are refused.",
    )
    usage_days: int = setting("USAGE_DAYS", whole(1, 36_500), "400", "Days for which calls and their daily sums are kept.")
    metrics_token: str = setting(
        "METRICS_TOKEN", str, "", "The bearer token of GET /metrics; without one, only clients on this machine are answered."
    )
    otel_endpoint: str = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        or_nothing(url),
        "",
        "Where spans of model calls are sent by OTLP over HTTP, for example http://127.0.0.1:4318.",
    )
    anthropic_api_key: str = setting("ANTHROPIC_API_KEY", str, "", "The key of an Anthropic account, for its models.")
    anthropic_base_url: str = setting(
        "ANTHROPIC_BASE_URL", url, "https://api.anthropic.com", "Where Anthropic's API is reached, without the `/v1`."
    )
    log_level: str = setting(
        "LOG_LEVEL", one_of("DEBUG", "INFO", "WARNING", "ERROR"), "WARNING", "From which importance on events are logged."
    )
    further_settings: Mapping[str, str] = setting(
        FURTHER,
        assignments,
        "",
        "Other settings of this page, as NAME=value with semicolons between them, for example USAGE_DAYS=90;WEB_CONCURRENCY=2; "
        "for deployments, whose containers are told one list. It names none that has a variable of its own.",
    )
    further_secrets: Mapping[str, str] = setting(
        SECRETS,
        members,
        "",
        'Settings that are secrets, as a JSON object, for example {"OPENAI_API_KEY": "…", "METRICS_TOKEN": "…"}; for '
        "deployments, whose containers are given a secret of Secrets Manager. It names none that has a variable of its own.",
    )

    @property
    def secure(self) -> bool:
        """Whether browsers reach the platform over https."""
        return self.public_url.startswith("https://")

    @property
    def origin(self) -> str:
        """Scheme and host of PUBLIC_URL, without its path."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}"


def signs(redis: str) -> bool:
    """Whether a URL of Redis leaves the password to who signs in, over TLS."""
    parts = urlsplit(redis)
    return parts.scheme == "rediss" and bool(parts.username) and not parts.password


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings that the environment holds; ValueError names the variable, what it holds and what it may hold."""
    environment = spread(environment, {each.metadata["name"] for each in fields(Settings)})
    known = read_fields(Settings, environment, hidden=members(environment.get(SECRETS, "")))
    for name in sorted(each for each in environment if each.startswith(AWS_ENDPOINTS)):
        checked(name, or_nothing(url), environment[name])
    if known.extraction_engine == "textract" and known.platform != "aws":
        raise ValueError("EXTRACTION_ENGINE is 'textract'; it must be local unless PLATFORM is aws")
    if known.redis_cache and not signs(known.redis_url):
        raise ValueError("REDIS_URL must be rediss://user@host:port, without a password, when REDIS_CACHE is set")
    return Settings(**vars(known))


try:
    home = checked("FOUNDATION_HOME", path, os.environ.get("FOUNDATION_HOME") or HOME)
    CHOSEN: Final = read_settings(started.beside(os.environ, home))
    HOUSE: Final = manifest.furnish(manifest.capabilities("apps"), CHOSEN.serve, CHOSEN.platform)
except ValueError as wrong:
    sys.exit(f"The configuration is wrong: {wrong}.")
