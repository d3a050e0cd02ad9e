"""Settings: read once, checked at the start, and the page that tells of them."""

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from foundation.defaults import NeededOnAws
from foundation.management.commands import docs
from foundation.settings import Settings, read_settings
from tests.running import ROOT
from tests.servers.moto import Moto


def started(home: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """What becomes of a process with these variables."""
    return subprocess.run(
        [sys.executable, "manage.py", "docs", "--check"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "FOUNDATION_HOME": str(home), "SERVE": "prompts", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_has_to_be_set(tmp_path: Path) -> None:
    started_well = started(tmp_path)
    assert (started_well.returncode, started_well.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PORT", "http", "a whole number from 1 to 65535"),
        ("PORT", "0", "a whole number from 1 to 65535"),
        ("PORT", "65536", "a whole number from 1 to 65535"),
        ("PORT", "--5", "a whole number from 1 to 65535"),
        ("PORT", "²", "a whole number from 1 to 65535"),
        ("PORT", "9" * 5000, "a whole number from 1 to 65535"),
        ("PLATFORM", "cloud", "embedded"),
        ("LOG_LEVEL", "LOUD", "DEBUG or INFO or WARNING or ERROR"),
        ("PUBLIC_URL", "example.org", "a URL that begins with http:// or https://"),
        ("PUBLIC_URL", "ftp://example.org", "a URL that begins with http:// or https://"),
        ("PUBLIC_URL", "http://[", "a URL that begins with http:// or https://"),
        ("PUBLIC_URL", "http://here:port", "a URL that begins with http:// or https://"),
        ("ISSUER_URL", "https://", "a URL that begins with http:// or https://"),
        (
            "REDIS_URL",
            "cache:6379",
            "a URL that begins with redis:// or rediss://, for example rediss://user:password@cache:6379",
        ),
        ("REDIS_URL", "https://cache", "a URL that begins with redis:// or rediss://"),
        ("REDIS_URL", "redis://", "a URL that begins with redis:// or rediss://"),
        ("REDIS_URL", "redis://:six/times@cache", "/, # and ? in a password are %2F, %23 and %3F"),
        ("OPENAI_BASE_URL", "127.0.0.1:11434/v1", "a URL that begins with http:// or https://"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "a URL that begins with http:// or https://"),
        ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "vpce", "a URL that begins with http:// or https://"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "localhost:8000", "a URL that begins with http:// or https://"),
        ("AWS_ENDPOINT_URL", "http://", "a URL that begins with http:// or https://"),
        ("BEDROCK_REGION", "Frankfurt", "the name of an AWS region, for example eu-central-1"),
        ("MODEL_ALIASES", "text:*", "name=value pairs separated by commas"),
        ("OPENAI_MODELS", "=x", "name=value pairs separated by commas"),
        ("FURTHER_SETTINGS", "USAGE_DAYS", "NAME=value with semicolons between them"),
        ("FURTHER_SETTINGS", "USAGE_DAYS=1;USAGE_DAYS=2", "each name once"),
        ("SERVE", "prompts,nothing", "prompts"),
        ("SERVE", ",", "prompts"),
        ("FOUNDATION_HOME", "~nobody-of-this-name/x", "a path"),
        ("FOUNDATION_HOME", "/dev/null/x", "a folder to write to"),
    ],
    ids=lambda value: value[:20],
)
def test_a_wrong_value_stops_the_start_with_one_line(tmp_path: Path, name: str, value: str, allowed: str) -> None:
    ended = started(tmp_path, **{name: value})
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    held = "nothing" if name == "SERVE" else value.rpartition("@")[2]  # without the user and password of a URL
    assert line.startswith("The configuration is wrong: ")
    assert name in line
    assert held in line
    assert allowed in line


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({"VECTOR_STORE": "opensearch"}, "OPENSEARCH_URL"),
        ({"VECTOR_STORE": "opensearchserverless", "AWS_REGION": "us-west-2"}, "OPENSEARCH_URL"),
        ({"VECTOR_STORE": "opensearchserverless", "OPENSEARCH_URL": "https://there"}, "AWS_REGION"),
        ({"PLATFORM": "aws", "VECTOR_STORE": "lancedb"}, "AWS_REGION"),
    ],
)
def test_what_is_missing_beside_another_setting_stops_the_start(variables: dict[str, str], missing: str) -> None:
    with pytest.raises(ValueError, match=f"{missing} is not set; it must be when"):
        read_settings(variables)


def test_vectors_are_where_the_platform_is() -> None:
    assert read_settings({}).vector_store == "lancedb"
    assert Moto("http://nowhere").settings().vector_store == "opensearchserverless"


def test_new_indexes_have_a_model_that_the_platform_has() -> None:
    assert read_settings({}).vector_model == "all-minilm-l6-v2"
    assert Moto("http://nowhere").settings().vector_model == "TITAN_TEXT_EMBED_V2"


@pytest.mark.parametrize("value", ["user:word/to@ken@search:9200", "http2://user:word/to@ken@search"])
def test_a_wrong_url_is_told_without_the_password_in_it(tmp_path: Path, value: str) -> None:
    ended = started(tmp_path, VECTOR_STORE="opensearch", OPENSEARCH_URL=value)
    assert ended.returncode == 1
    assert "search" in ended.stderr
    assert "word" not in ended.stderr


@pytest.mark.parametrize(
    "value",
    ["redis://cache", "rediss://cache:6379/0", "rediss://name:a%2Fb%23c@cache.example:6380", "redis://:word@[::1]:6379"],
)
def test_every_form_of_redis_own_urls_is_taken(value: str) -> None:
    assert read_settings({"REDIS_URL": value}).redis_url == value


def test_what_is_not_set_is_derived_from_what_is(tmp_path: Path) -> None:
    read = read_settings({"FOUNDATION_HOME": str(tmp_path), "HOST": "h", "PORT": "81"})
    assert (read.public_url, read.issuer_url, read.applications_issuer) == ("http://h:81",) * 2 + (
        "http://h:81/local_applications",
    )
    read = read_settings({"FOUNDATION_HOME": str(tmp_path), "PUBLIC_URL": "https://public/", "ISSUER_URL": "https://issuer"})
    assert (read.public_url, read.secure, read.origin) == ("https://public", True, "https://public")
    assert read.administrators_issuer == "https://issuer/local_administrators"


def test_on_aws_what_only_a_deployment_knows_must_be_told_and_issuers_follow_from_the_pools() -> None:
    needed = [each.metadata["name"] for each in fields(Settings) if isinstance(each.metadata["default"], NeededOnAws)]
    told = {**Moto("http://nowhere").told, "APPLICATIONS_POOL": "us-west-2_a", "ADMINISTRATORS_POOL": "us-west-2_b"}
    read = read_settings(told)
    issuers = [f"https://cognito-idp.us-west-2.amazonaws.com/{pool}" for pool in ("us-west-2_a", "us-west-2_b")]
    assert [read.applications_issuer, read.administrators_issuer] == issuers
    for name in needed:
        with pytest.raises(ValueError, match=f"{name} is not set; it must be when PLATFORM is aws"):
            read_settings({**told, name: ""})


def test_where_tokens_are_made_follows_from_the_issuer_when_embedded(tmp_path: Path) -> None:
    read = read_settings({"FOUNDATION_HOME": str(tmp_path), "ISSUER_URL": "https://issuer"})
    assert (read.applications_domain, read.administrators_domain) == ("https://issuer", "https://issuer")
    other = read_settings({"FOUNDATION_HOME": str(tmp_path), "PUBLIC_URL": "https://p", "API_URL": "https://api"})
    assert (other.api_url, other.applications_domain) == ("https://api", "https://p")


def test_an_empty_variable_is_one_that_is_not_set(tmp_path: Path) -> None:
    empty = dict.fromkeys((each.metadata["name"] for each in fields(Settings)), "")
    place = {"FOUNDATION_HOME": str(tmp_path)}
    assert read_settings({**empty, **place}) == read_settings(place)


def test_one_list_carries_further_settings_and_each_is_read_as_if_it_stood_alone(tmp_path: Path) -> None:
    place = {"FOUNDATION_HOME": str(tmp_path)}
    models = "llama=text:llama3.2,phi=text:phi4"
    read = read_settings({**place, "FURTHER_SETTINGS": f" USAGE_DAYS=90; OPENAI_MODELS={models};ROUTE_TRIES=2;"})
    assert (read.usage_days, read.route_tries, dict(read.openai_models)["phi"]) == (90, 2, "text:phi4")
    with pytest.raises(ValueError, match="USAGE_DAYS is 'many'; it must be a whole number"):
        read_settings({**place, "FURTHER_SETTINGS": "USAGE_DAYS=many"})
    with pytest.raises(ValueError, match="FURTHER_SETTINGS names USAGE_DAY, which is no setting"):
        read_settings({**place, "FURTHER_SETTINGS": "USAGE_DAY=90"})


@pytest.mark.parametrize("own", ["30", ""])
def test_a_setting_that_has_its_own_variable_is_not_taken_from_the_list(tmp_path: Path, own: str) -> None:
    with pytest.raises(ValueError, match="FURTHER_SETTINGS names USAGE_DAYS, which has a variable of its own"):
        read_settings({"FOUNDATION_HOME": str(tmp_path), "USAGE_DAYS": own, "FURTHER_SETTINGS": "USAGE_DAYS=90"})


def test_one_secret_carries_settings_that_are_secrets_and_empty_ones_are_left_out(tmp_path: Path) -> None:
    secret = '{"OPENAI_API_KEY": "a key", "METRICS_TOKEN": ""}'
    place = {"FOUNDATION_HOME": str(tmp_path), "FURTHER_SETTINGS": "USAGE_DAYS=90"}
    read = read_settings({**place, "FURTHER_SECRETS": secret})
    assert (read.openai_api_key, read.metrics_token, read.usage_days) == ("a key", "", 90)
    with pytest.raises(ValueError, match="FURTHER_SECRETS names OPENAI_KEY, which is no setting"):
        read_settings({**place, "FURTHER_SECRETS": '{"OPENAI_KEY": "a key"}'})
    for own in ({"OPENAI_API_KEY": "another"}, {"FURTHER_SETTINGS": "OPENAI_API_KEY=another"}):
        with pytest.raises(ValueError, match="FURTHER_SECRETS names OPENAI_API_KEY, which has a variable of its own"):
            read_settings({**place, **own, "FURTHER_SECRETS": secret})


@pytest.mark.parametrize("wrong", ["sk-a-key", '"sk-a-key"', '{"OPENAI_API_KEY": ["sk-a-key"]}', '["sk-a-key"]'])
def test_a_secret_that_cannot_be_read_stops_the_start_and_is_not_shown(tmp_path: Path, wrong: str) -> None:
    ended = started(tmp_path, FURTHER_SECRETS=wrong)
    assert ended.returncode == 1
    assert "FURTHER_SECRETS is '…'; it must be a JSON object of names and texts" in ended.stderr
    assert "sk-a-key" not in ended.stderr


def test_a_wrong_value_of_a_setting_that_came_in_the_secret_is_not_shown(tmp_path: Path) -> None:
    ended = started(tmp_path, FURTHER_SECRETS='{"TOKEN_LIFETIME": "sk-a-key"}')
    assert ended.returncode == 1
    assert "TOKEN_LIFETIME is '…'; it must be a whole number from 300 to 86400" in ended.stderr
    assert "sk-a-key" not in ended.stderr


@pytest.mark.parametrize("url", ["redis://user@cache:6379", "rediss://cache:6379", "rediss://user:password@cache:6379"])
def test_who_signs_in_to_the_cache_with_a_role_has_a_user_tls_and_no_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="REDIS_URL must be rediss://user@host:port, without a password, when REDIS_CACHE"):
        read_settings({"FOUNDATION_HOME": str(tmp_path), "REDIS_CACHE": "cache", "REDIS_URL": url})


def test_the_secret_key_is_made_once_for_each_data_folder(tmp_path: Path) -> None:
    made = [read_settings({"FOUNDATION_HOME": str(tmp_path / name)}).secret_key for name in ("a", "a", "b")]
    assert made[0] == made[1] != made[2]
    assert len(made[0]) >= 50
    assert read_settings({"FOUNDATION_HOME": str(tmp_path), "SECRET_KEY": "mine"}).secret_key == "mine"


def test_values_are_read_as_what_they_mean(tmp_path: Path) -> None:
    read = read_settings(
        {"FOUNDATION_HOME": str(tmp_path), "SERVE": " prompts , vectors,", "MODEL_ALIASES": "text:*=a, embed:x = b=c"}
    )
    assert read.serve == ("prompts", "vectors")
    assert dict(read.model_aliases) == {"text:*": "a", "embed:x": "b=c"}


def test_no_two_settings_share_a_variable_and_each_says_what_it_means() -> None:
    known = [each.metadata for each in fields(Settings)]
    assert len({each["name"] for each in known}) == len(known)
    for each in known:
        assert each["name"].replace("_", "").isupper()
        assert each["meaning"].endswith(".")


def test_the_page_of_settings_is_current() -> None:
    call_command("docs", "--check")


def test_a_page_that_is_not_current_fails_the_check_and_says_where(tmp_path: Path) -> None:
    page = tmp_path / "settings.md"
    for held in (None, "one\nold\n"):
        if held is not None:
            page.write_text(held)
        with pytest.raises(CommandError, match="not current; run `manage"):
            docs.check(page, "one\nnew\n")
    with pytest.raises(CommandError, match=r"-old\n\+new"):
        docs.check(page, "one\nnew\n")
    docs.write(page, "one\nnew\n")
    docs.check(page, "one\nnew\n")
