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
    engine_by_platform,
    needed_by_opensearch,
    vector_model_by_platform,
)
from foundation.further import FURTHER, SECRETS, members, spread
from foundation.platform_settings import HOME, PlatformSettings
from foundation.readers import (
    assignments,
    checked,
    one_of,
    or_nothing,
    pairs,
    path,
    read_fields,
    region,
    setting,
    url,
    whole,
)

AWS_ENDPOINTS: Final = "AWS_ENDPOINT_URL"  # variables that begin so are read by AWS's client itself, when it is first needed


@dataclass(frozen=True, kw_only=True)
class Settings(PlatformSettings):
    """The platform's settings, each from one environment variable."""

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
    route_pause_ms: int = setting(
        "ROUTE_PAUSE_MS",
        whole(0, 5000),
        "250",
        "Longest pause before the same deployment is asked for the second time, in milliseconds; twice as long each time.",
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
