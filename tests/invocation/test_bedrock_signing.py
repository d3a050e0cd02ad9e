"""How Bedrock lets the platform in: signatures that are recomputed, keys, credentials that change; and boto3 as the measure
of the server that checks them here."""

import asyncio
import json
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import trustme
from asgiref.sync import async_to_sync
from botocore.exceptions import ClientError, EventStreamError

from apps.invocation.adapters.bedrock.lifecycles import lifecycles
from apps.invocation.adapters.bedrock.provider import Bedrock, adapter
from apps.invocation.adapters.bedrock.wire import Runtime, endpoint
from apps.invocation.folding import complete
from apps.invocation.invocations import Document, Message, Request, Role, Text
from apps.invocation.ports import Connection
from foundation.adapters import secrets
from foundation.errors import UpstreamDenied
from foundation.settings import CHOSEN
from tests.upstream.bedrock_server import (
    ACCESS,
    BEARER,
    SECRET,
    TOKEN,
    BedrockServer,
    Refusal,
    converse,
    frame,
    frames,
    serving,
)

MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
ARN = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3"
Credentials = Callable[..., None]


@pytest.fixture(scope="module")
def server() -> Iterator[BedrockServer]:
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> Credentials:
    """Sets the AWS credentials of this process; from the start those that the server knows."""

    def given(access: str = ACCESS, secret: str = SECRET, token: str = "") -> None:
        for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, "/dev/null")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name, value in (("AWS_ACCESS_KEY_ID", access), ("AWS_SECRET_ACCESS_KEY", secret), ("AWS_SESSION_TOKEN", token)):
            if value:
                monkeypatch.setenv(name, value)
            else:
                monkeypatch.delenv(name, raising=False)

    given()
    return given


def request(model: str = MODEL, prompt: str = "Hi") -> Request:
    return Request(model, (Message(Role.USER, (Text(prompt),)),))


def bedrock(server: BedrockServer, bearer: str = "", key_name: str = "") -> Bedrock:
    return Bedrock(Runtime(server.url, server.region, bearer, key_name))


@pytest.mark.parametrize("token", ["", TOKEN])
@pytest.mark.parametrize("model", [MODEL, "amazon.titan-text-express-v1", ARN])
async def test_requests_are_signed_so_that_aws_accepts_them(
    server: BedrockServer, credentials: Credentials, token: str, model: str
):
    credentials(token=token)
    asked = request(model)
    assert (await bedrock(server).complete(asked)).text == "You said: Hi"
    assert (await complete(bedrock(server).stream(asked))).text == "You said: Hi"
    assert (server.last.signer, server.last.model) == (ACCESS, model)
    assert server.last.headers.get("X-Amz-Security-Token", "") == token


async def test_a_large_body_is_signed_as_a_small_one(server: BedrockServer):
    large = Document("text/plain", "QUJD" * 700_000)
    answer = await bedrock(server).complete(Request(MODEL, (Message(Role.USER, (large, Text("Read this"))),)))
    assert answer.text == "You said: Read this"


@pytest.mark.parametrize("wrong", [{"secret": "another"}, {"access": "AKIDOTHER"}])
async def test_wrong_credentials_are_said_to_be_wrong(server: BedrockServer, credentials: Credentials, wrong: dict[str, str]):
    credentials(**wrong)
    with pytest.raises(UpstreamDenied, match="credentials must be valid"):
        await bedrock(server).complete(request())


async def test_no_credentials_are_said_to_be_missing(server: BedrockServer, credentials: Credentials):
    credentials(access="", secret="")
    with pytest.raises(UpstreamDenied, match="there are no AWS credentials for Bedrock"):
        await bedrock(server).complete(request())
    with pytest.raises(UpstreamDenied, match="there are no AWS credentials for Bedrock"):
        await asyncio.to_thread(bedrock(server).prepare)


async def test_credentials_that_came_too_late_are_found_by_a_later_call(server: BedrockServer, credentials: Credentials):
    credentials(access="", secret="")
    provider = bedrock(server)
    with pytest.raises(UpstreamDenied):
        await provider.complete(request())
    credentials()

    async def answered() -> bool:
        with suppress(UpstreamDenied):
            return (await provider.complete(request())).text == "You said: Hi"
        return False

    assert await eventually(answered)


async def test_credentials_that_are_renewed_elsewhere_are_taken_up_when_they_are_refused(
    server: BedrockServer, credentials: Credentials, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """By botocore's own chain: a program gives credentials that end soon (AWS's `credential_process`)."""
    credentials(access="", secret="")
    given, config = tmp_path / "given.json", tmp_path / "config"

    def give(secret: str) -> None:
        ends = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
        keys = {"AccessKeyId": ACCESS, "SecretAccessKey": secret, "SessionToken": TOKEN}
        given.write_text(json.dumps({"Version": 1, **keys, "Expiration": ends}))

    config.write_text(f"[default]\ncredential_process = cat {given}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    give("outdated")
    provider = bedrock(server)
    with pytest.raises(UpstreamDenied):
        await provider.complete(request())
    give(SECRET)
    assert (await provider.complete(request())).text == "You said: Hi"


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 15) -> bool:
    """Whether it comes true."""
    end = time.monotonic() + seconds
    while not await condition() and time.monotonic() < end:
        await asyncio.sleep(0.05)
    return time.monotonic() < end


async def test_a_bedrock_api_key_is_sent_in_place_of_a_signature(server: BedrockServer):
    assert (await bedrock(server, BEARER).complete(request())).text == "You said: Hi"
    assert server.last.signer == "bearer"
    with pytest.raises(UpstreamDenied, match="AWS does not let"):
        await bedrock(server, "another").complete(request())


async def test_a_deployment_with_a_key_uses_it_and_nothing_in_its_place(server: BedrockServer):
    secrets.put("bedrock-of-tests", BEARER)
    provider = adapter(CHOSEN, Connection("bedrock", server.url, server.region, "bedrock-of-tests"))
    assert (await provider.complete(request())).text == "You said: Hi"
    assert server.last.signer == "bearer"
    missing = adapter(CHOSEN, Connection("bedrock", server.url, server.region, "a key that is not there"))
    asked = len(server.asked)
    with pytest.raises(UpstreamDenied, match="the secret a key that is not there is not set"):
        await missing.complete(request())
    with pytest.raises(UpstreamDenied):
        missing.prepare()
    assert len(server.asked) == asked


def test_it_works_on_one_event_loop_after_another(server: BedrockServer):
    provider = bedrock(server)
    for _ in range(2):
        assert async_to_sync(provider.complete)(request()).text == "You said: Hi"


async def test_many_calls_at_once_find_the_credentials_once(server: BedrockServer):
    provider = bedrock(server)
    answers = await asyncio.gather(*(provider.complete(request(prompt=str(number))) for number in range(50)))
    assert [answer.text for answer in answers] == [f"You said: {number}" for number in range(50)]


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "bedrock-runtime.eu-central-1.amazonaws.com"),
        ("us-gov-west-1", "bedrock-runtime.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "bedrock-runtime.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_each_region_has_its_endpoint_where_botocore_has_it(region: str, host: str):
    client = boto3.client("bedrock-runtime", region_name=region)
    assert endpoint(region) == f"https://{host}" == client.meta.endpoint_url


class TestBoto3:
    """AWS's own client against the server of these tests: what it understands is Bedrock's form."""

    @pytest.fixture
    def runtime(self, server: BedrockServer) -> Any:
        return boto3.client("bedrock-runtime", endpoint_url=server.url, region_name=server.region)

    @pytest.fixture
    def question(self) -> Any:
        return {"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": "Hi"}]}]}

    def test_it_reads_a_whole_answer(self, runtime: Any, question: Any):
        answer = runtime.converse(**question)
        assert answer["output"]["message"]["content"] == [{"text": "You said: Hi"}]
        assert answer["usage"]["inputTokens"] == 11

    def test_it_reads_a_stream_event_by_event(self, runtime: Any, question: Any):
        events = list(runtime.converse_stream(**question)["stream"])
        assert [next(iter(event)) for event in events] == [
            "messageStart",
            "contentBlockDelta",
            "contentBlockDelta",
            "contentBlockStop",
            "messageStop",
            "metadata",
        ]
        text = "".join(event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event)
        assert (text, events[-1]["metadata"]["usage"]["outputTokens"]) == ("You said: Hi", 7)

    def test_it_raises_what_an_exception_in_a_stream_is(self, server: BedrockServer, runtime: Any, question: Any):
        begun = b"".join(list(frames(converse([{"text": "Hi"}])))[:2])
        thrown = frame("throttlingException", {"message": "Slow down."}, "exception")
        server.answers["throttled"] = lambda _: begun + thrown
        with pytest.raises(EventStreamError, match=r"throttlingException.*Slow down"):
            list(runtime.converse_stream(**{**question, "modelId": "throttled"})["stream"])

    def test_it_raises_what_a_refusal_is(self, server: BedrockServer, runtime: Any, question: Any):
        server.answers["gone"] = lambda _: Refusal(404, "ResourceNotFoundException", "Model not found.")
        with pytest.raises(ClientError) as refused:
            runtime.converse(**{**question, "modelId": "gone"})
        assert refused.value.response["Error"] == {"Message": "Model not found.", "Code": "ResourceNotFoundException"}

    def test_it_reads_what_a_model_is_invoked_for(self, server: BedrockServer, runtime: Any):
        server.answers["amazon.titan-embed-text-v2:0"] = lambda asked: {"embedding": [0.6, 0.8], "inputTextTokenCount": 2}
        answer = runtime.invoke_model(modelId="amazon.titan-embed-text-v2:0", body=json.dumps({"inputText": "Hi"}))
        assert json.loads(answer["body"].read())["embedding"] == [0.6, 0.8]


# As docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html and API_ListInferenceProfiles.html have them.
SUMMARIES = [
    {
        "modelArn": "arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0",
        "modelId": "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "modelName": "Claude Sonnet 4.5",
        "providerName": "Anthropic",
        "inputModalities": ["TEXT", "IMAGE"],
        "outputModalities": ["TEXT"],
        "responseStreamingSupported": True,
        "customizationsSupported": [],
        "inferenceTypesSupported": ["INFERENCE_PROFILE"],
        "modelLifecycle": {"status": "ACTIVE"},
    },
    {
        "modelArn": "arn:aws:bedrock:eu-central-1::foundation-model/amazon.titan-embed-text-v1",
        "modelId": "amazon.titan-embed-text-v1",
        "modelName": "Titan Embeddings G1 - Text",
        "inputModalities": ["TEXT"],
        "outputModalities": ["EMBEDDING"],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"status": "LEGACY", "endOfLifeTime": "2999-01-31T00:00:00Z"},
    },
    {
        "modelArn": "arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-v2",
        "modelId": "anthropic.claude-v2",
        "modelLifecycle": {"status": "LEGACY", "endOfLifeTime": "2025-07-21T00:00:00Z"},
    },
]


def profile(prefix: str) -> Any:
    moment, identifier = datetime(2026, 1, 1, tzinfo=UTC).isoformat(), f"{prefix}.{SUMMARIES[0]['modelId']}"
    return {
        "inferenceProfileName": f"{prefix} Claude Sonnet 4.5",
        "createdAt": moment,
        "updatedAt": moment,
        "inferenceProfileArn": f"arn:aws:bedrock:eu-central-1:123456789012:inference-profile/{identifier}",
        "models": [{"modelArn": SUMMARIES[0]["modelArn"]}],
        "inferenceProfileId": identifier,
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
    }


def test_the_lifecycles_of_models_and_profiles_are_read_page_by_page(server: BedrockServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", server.url)
    server.models, server.profiles = SUMMARIES, [profile("eu"), profile("global")]
    found = lifecycles(Connection("bedrock", region=server.region))
    sonnet, titan = found["anthropic.claude-sonnet-4-5-20250929-v1:0"], found["amazon.titan-embed-text-v1"]
    assert (sonnet.name, sonnet.state, sonnet.inputs, sonnet.direct) == (
        "Claude Sonnet 4.5",
        "active",
        ("text", "image"),
        False,
    )
    assert (titan.state, titan.ends, titan.outputs, titan.direct) == ("legacy", "2999-01-31", ("embedding",), True)
    assert found["anthropic.claude-v2"].state == "retired"
    for prefix in ("eu", "global"):
        reached = found[f"{prefix}.anthropic.claude-sonnet-4-5-20250929-v1:0"]
        assert (reached.state, reached.inputs, reached.direct) == ("active", ("text", "image"), True)


def test_a_bedrock_api_key_lists_models_too(monkeypatch: pytest.MonkeyPatch, credentials: Credentials, tmp_path: Path):
    credentials(access="", secret="")
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    secrets.put("bedrock-of-tests", BEARER)
    with serving(BedrockServer(models=SUMMARIES), context) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", server.url)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        found = lifecycles(Connection("bedrock", region=server.region, key="bedrock-of-tests"))
    assert len(found) == len(SUMMARIES)


def test_who_may_not_list_models_is_told_what_it_needs(
    server: BedrockServer, monkeypatch: pytest.MonkeyPatch, credentials: Credentials
):
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", server.url)
    credentials(access="AKIDOTHER")
    with pytest.raises(UpstreamDenied, match="bedrock:ListFoundationModels"):
        lifecycles(Connection("bedrock", region=server.region))
