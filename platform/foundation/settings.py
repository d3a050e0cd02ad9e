"""Every setting, and the only reader of the environment; the second half is Django's own configuration, derived from it.

A missing or wrong value stops the start with one line. docs/settings.md is generated from the fields of Settings.
"""

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from foundation import manifest
from foundation.local_secrets import LocalSecrets

BASE_DIR: Final = Path(__file__).resolve().parents[2]


def words(text: str) -> tuple[str, ...]:
    """Words separated by commas, without the white space around them."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """A reader of whole numbers inside two bounds."""

    def read(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not lowest <= int(text) <= highest:
            raise ValueError(f"a whole number from {lowest} to {highest}")
        return int(text)

    return read


def one_of(*choices: str) -> Callable[[str], str]:
    """A reader that takes one of a few words."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(" or ".join(choices))
        return text

    return read


def url(text: str) -> str:
    """An http or https URL with a host, without the slash at its end."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not re.search(r"\s", text)
    except ValueError:
        good = False
    if not good:
        raise ValueError("a URL that begins with http:// or https://")
    return text.rstrip("/")


def region(text: str) -> str:
    """The name of an AWS region, or nothing."""
    if text and not re.fullmatch("[a-z]{2,6}(-[a-z]+)+-[0-9]{1,2}", text):
        raise ValueError("the name of an AWS region, for example eu-central-1")
    return text


def deployment(text: str) -> str:
    """The name of a deployment."""
    if not re.fullmatch("[a-z][a-z0-9-]{1,18}[a-z0-9]", text):
        raise ValueError("3 to 20 lower-case letters, digits and hyphens, a letter first")
    return text


def pairs(text: str) -> Mapping[str, str]:
    """`name=value` pairs separated by commas, in their order."""
    read = {}
    for word in words(text):
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            raise ValueError("name=value pairs separated by commas")
        read[name.strip()] = value.strip()
    return read


def path(text: str) -> Path:
    """A path, from the working directory when it is not absolute."""
    try:
        return Path(text).expanduser().resolve()
    except RuntimeError as unknown:
        raise ValueError("a path; there is no such user") from unknown


def kept_secret(known: "Settings") -> str:
    """made once and kept in FOUNDATION_HOME"""
    try:
        return LocalSecrets(known.home).create("secret_key")
    except OSError as refused:
        raise ValueError(f"FOUNDATION_HOME is '{known.home}'; it must be a folder to write to: {refused.strerror}") from refused


@dataclass(frozen=True)
class NeededOnAws:
    """A default of what every deployment must be told: on AWS the start stops without it."""

    name: str
    embedded: "str | Callable[[Settings], str]" = ""

    def __call__(self, known: "Settings") -> str:
        if known.platform == "aws":
            raise ValueError(f"{self.name} is not set; it must be when PLATFORM is aws")
        return self.embedded(known) if callable(self.embedded) else self.embedded


def applications_issuer(known: "Settings") -> str:
    """`ISSUER_URL/local_applications`; that of APPLICATIONS_POOL when PLATFORM is aws"""
    return issuer_of(known, known.applications_pool, "local_applications")


def administrators_issuer(known: "Settings") -> str:
    """`ISSUER_URL/local_administrators`; that of ADMINISTRATORS_POOL when PLATFORM is aws"""
    return issuer_of(known, known.administrators_pool, "local_administrators")


def issuer_of(known: "Settings", pool: str, local: str) -> str:
    """What a platform's tokens name as their issuer; docs.aws.amazon.com/cognito has that of a pool."""
    cognito = f"https://cognito-idp.{known.aws_region}.amazonaws.com/{pool}"
    return {"embedded": f"{known.issuer_url}/{local}", "aws": cognito}[known.platform]


def vectors_by_platform(known: "Settings") -> str:
    """lancedb; opensearchserverless when PLATFORM is aws"""
    return {"embedded": "lancedb", "aws": "opensearchserverless"}[known.platform]


def vector_model_by_platform(known: "Settings") -> str:
    """all-minilm-l6-v2; TITAN_TEXT_EMBED_V2, of Amazon Bedrock, when PLATFORM is aws, whose image carries no model"""
    return {"embedded": "all-minilm-l6-v2", "aws": "TITAN_TEXT_EMBED_V2"}[known.platform]


def needed_to_sign(known: "Settings") -> str:
    """none; needed when PLATFORM is aws, or VECTOR_STORE is opensearchserverless"""
    if known.vector_store == "opensearchserverless":
        raise ValueError("AWS_REGION is not set; it must be when VECTOR_STORE is opensearchserverless")
    return NeededOnAws("AWS_REGION")(known)


def needed_by_opensearch(known: "Settings") -> str:
    """none; needed when vectors are in OpenSearch"""
    if known.vector_store != "lancedb":
        raise ValueError(f"OPENSEARCH_URL is not set; it must be when VECTOR_STORE is {known.vector_store}")
    return ""


def engine_by_platform(known: "Settings") -> str:
    """local; textract when PLATFORM is aws"""
    return {"embedded": "local", "aws": "textract"}[known.platform]


def told(text: str) -> str:
    """A wrong value as the log may show it: without the user and password of a URL."""
    return re.sub(r"^\S*@", "…@", text)


def setting(name: str, read: Callable[[str], Any], default: str | Callable[["Settings"], Any], meaning: str) -> Any:
    """A field of Settings. `default` is read as a value of the variable is, or derived from the settings before it.

    A derived default is an expression that reads well with the variables' names in it, or a function whose docstring
    says what it gives; docs/settings.md shows the one or the other.
    """
    return field(metadata={"name": name, "read": read, "default": default, "meaning": meaning})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The platform's settings, each from one environment variable."""

    platform: str = setting(
        "PLATFORM", one_of("embedded", "aws"), "embedded", "What the processes stand on: this machine alone, or AWS."
    )
    serve: tuple[str, ...] = setting(
        "SERVE", words, "all", "The capabilities that a process serves, by folder name under apps/."
    )
    home: Path = setting(
        "FOUNDATION_HOME", path, str(BASE_DIR / ".foundation"), "The folder that holds all data when embedded."
    )
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
    files_bucket: str = setting("FILES_BUCKET", str, NeededOnAws("FILES_BUCKET"), "The S3 bucket of all files.")
    redis_url: str = setting(
        "REDIS_URL", str, NeededOnAws("REDIS_URL"), "The Redis of counters and limits, for example rediss://cache:6379."
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
    secret_key: str = setting(
        "SECRET_KEY",
        str,
        NeededOnAws("SECRET_KEY", kept_secret),
        "Signs URLs, cursors and sessions.",
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
        "a pattern covers only names that nothing else serves.",
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
        "OPENAI_BASE_URL", str, "", "An OpenAI-compatible server (Ollama, vLLM, OpenAI), for example http://127.0.0.1:11434/v1."
    )
    openai_api_key: str = setting("OPENAI_API_KEY", str, "", "The key that OPENAI_BASE_URL wants, if any.")
    openai_models: Mapping[str, str] = setting(
        "OPENAI_MODELS", pairs, "", "Models of OPENAI_BASE_URL, as `name=kind:id`, for example llama=text:llama3.2."
    )
    bedrock_region: str = setting(
        "BEDROCK_REGION",
        region,
        "",
        "The AWS region of Amazon Bedrock, for example eu-central-1; empty: Bedrock is not used. "
        "The credentials are found as AWS's own tools find them.",
    )
    bedrock_url: str = setting(
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", str, "", "Bedrock's runtime API, where it is not the region's own: a VPC endpoint."
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
        str,
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

    @property
    def secure(self) -> bool:
        """Whether browsers reach the platform over https."""
        return self.public_url.startswith("https://")

    @property
    def origin(self) -> str:
        """Scheme and host of PUBLIC_URL, without its path."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}"


class _Known:
    """The settings read so far, for a default that is derived from them."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings that the environment holds; ValueError names the variable, what it holds and what it may hold."""
    known: Any = _Known()
    for each in fields(Settings):
        name, read, default = each.metadata["name"], each.metadata["read"], each.metadata["default"]
        text = environment.get(name, "")
        if not text and callable(default):
            setattr(known, each.name, default(known))
            continue
        try:
            setattr(known, each.name, read(text or default))
        except ValueError as wrong:
            raise ValueError(f"{name} is {told(text)!r}; it must be {wrong}") from wrong
    if known.extraction_engine == "textract" and known.platform != "aws":
        raise ValueError("EXTRACTION_ENGINE is 'textract'; it must be local unless PLATFORM is aws")
    return Settings(**vars(known))


def furnished(chosen: Settings) -> manifest.House:
    """The capabilities of this process; ValueError names SERVE when it asks for one that does not exist."""
    try:
        return manifest.furnish(manifest.capabilities("apps"), chosen.serve, chosen.platform)
    except ValueError as wrong:
        raise ValueError(f"SERVE names {wrong}") from wrong


try:
    CHOSEN: Final = read_settings(os.environ)
    HOUSE: Final = furnished(CHOSEN)
except ValueError as wrong:
    sys.exit(f"The configuration is wrong: {wrong}.")

# Django's own configuration, all derived.

SECRET_KEY = CHOSEN.secret_key
DEBUG = False
ALLOWED_HOSTS = ["*"]  # URLs are made from PUBLIC_URL, never from a Host header
DATABASES: dict[str, Any] = {}
INSTALLED_APPS = [
    "foundation.apps.Foundation",
    *(f"{capability.__module__}.{capability.__qualname__}" for capability in HOUSE.needed),
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "foundation.middleware.PlatformHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "foundation.urls"
ASGI_APPLICATION = "foundation.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
USE_TZ = True
TIME_ZONE = "UTC"
APPEND_SLASH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = CHOSEN.body_limit_mb * 2**20
SESSION_ENGINE = "foundation.sessions"
SESSION_COOKIE_NAME = "foundation_session"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = CHOSEN.secure
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
CSRF_TRUSTED_ORIGINS = [CHOSEN.origin, "{0.scheme}://{0.netloc}".format(urlsplit(CHOSEN.issuer_url))]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_SCHEMA_CLASS": "foundation.openapi.EndpointSchema",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Generative AI Foundation",
    "DESCRIPTION": "One place to call models, manage prompts, extract, chunk, index and search documents.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVERS": [{"url": CHOSEN.api_url}] if CHOSEN.api_url != CHOSEN.public_url else [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": ["foundation.openapi.add_hot_routes"],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": CHOSEN.log_level},
    "loggers": {"django.request": {"level": "ERROR"}},
}
for capability in HOUSE.needed:
    if capability.manifest.django:
        for name, value in manifest.load(capability.manifest.django)(CHOSEN).items():
            globals()[name] = [*globals().get(name, []), *value] if isinstance(value, list) else value
