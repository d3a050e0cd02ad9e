"""The main job on AWS: every service and worker a process of its own, as the templates deploy them, on what stands for AWS."""

import json
import os
import re
import zlib
from collections.abc import Iterator
from html import unescape
from math import sqrt
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from cookbook.client import Client
from cookbook.journey import SAMPLES
from deploy.cloudformation.house import platform
from tests.extraction.recorded import FOLDER
from tests.journeys import unused_grants, walk
from tests.portal.visitor import Visitor
from tests.running import Platform
from tests.servers import aws
from tests.servers.aws import Account
from tests.servers.dynamodb import Dynamo
from tests.servers.elasticmq import ElasticMq
from tests.servers.policies import allowed
from tests.upstream.bedrock_server import Asked

FEW = 30  # one of so many lines of the page may be of a grant that was used this time: some are, when two things coincide
AGAIN = "write docs/grants.md with WRITE_GRANTS=1"
APPLICATION = "Journey"
EMBEDDING = "amazon.titan-embed-text-v2:0"
TEXT = "ANTHROPIC_CLAUDE_3_HAIKU_V1"
QUESTION = "Which number has the invoice?"
DETAIL = re.compile(r"<dt>([^<]+)</dt><dd><code[^>]*>([^<]+)</code>")
WORD = re.compile(r"\w{5,}")


def embedded(asked: Asked) -> Any:
    """A vector of the words of a text: texts with the same words are near each other."""
    numbers = [0.1, *[0.0] * (asked.body.get("dimensions", 1024) - 1)]  # a text without words has a direction as well
    for word in WORD.findall(asked.body["inputText"].lower()):
        numbers[zlib.crc32(word.encode()) % len(numbers)] += 1
    length = sqrt(sum(number * number for number in numbers))
    return {"embedding": [number / length for number in numbers], "inputTextTokenCount": 7}


@pytest.fixture(scope="module")
def account(
    tmp_path_factory: pytest.TempPathFactory, dynamo: Dynamo, elasticmq: ElasticMq, opensearch_url: str
) -> Iterator[Account]:
    """The deployment, with all its processes."""
    home = tmp_path_factory.mktemp("account")
    with aws.account("journey", home, dynamo, elasticmq, opensearch_url) as made:
        made.bedrock.answers[EMBEDDING] = embedded
        try:
            with aws.running(made):
                yield made
        finally:
            print(made.errors())


@pytest.fixture(scope="module")
def client(account: Account) -> Client:
    """An application that the operators have taken in."""
    told = account.onboard(APPLICATION)
    assert told["api_url"] == account.api
    return Client(account.api, told["token_url"], told["client_id"], told["client_secret"], told["scope"])


def test_documents_become_answers(account: Account, client: Client) -> None:
    documents = {**walk.samples(SAMPLES, "visiting.html"), **walk.samples(FOLDER, "multipage.pdf", "sample-invoice.pdf")}
    extraction, results = walk.extracted(client, documents)
    assert results.keys() == documents.keys()
    index = walk.vectorized(client, walk.chunked(client, extraction))
    passage = walk.found(client, index, QUESTION)
    assert "INV-3337" in passage

    template = {"name": "answer", "prompt_template": "Text: {passages} Question: {question}"}
    client.call("POST", "/prompt/template/save", template)
    text = str(client.call("POST", "/prompt/template/get", {"name": "answer"})["prompt_template"])
    prompt = text.replace("{passages}", passage).replace("{question}", QUESTION)
    asked = {"model_name": TEXT, "prompt": prompt}
    assert client.call("POST", "/model/invoke", asked)["output_text"] == f"You said: {prompt}"
    assert walk.answered_later(client, asked)["output_text"] == f"You said: {prompt}"
    assert streamed(client, prompt) == f"You said: {prompt}"
    counts = walk.accounted(client, **{TEXT: 3, "TITAN_TEXT_EMBED_V2": 2})
    assert counts[TEXT] == 3


def streamed(client: Client, prompt: str) -> str:
    """The text of a streamed chat completion."""
    asked = {"model": TEXT, "messages": [{"role": "user", "content": prompt}], "stream": True}
    answer = client.session.post(f"{client.api_url}/v1/chat/completions", json=asked, timeout=60)
    assert answer.status_code == 200, answer.text
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: {")]
    deltas = [choice["delta"] for event in events for choice in json.loads(event)["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


def test_only_models_that_the_image_can_call_are_offered(client: Client) -> None:
    listed = client.call("GET", "/model/list_models")
    offered = {each["model_name"] for each in (*listed["text_models"], *listed["embed_models"]) if each["available"]}
    assert {TEXT, "TITAN_TEXT_EMBED_V2"} <= offered
    assert not {"smollm2-135m-instruct", "all-minilm-l6-v2"} & offered


def test_a_batch_is_worked_on_for_a_caller_with_an_api_key(account: Account, client: Client) -> None:
    key = json.loads(account.manage("keys", "create", APPLICATION, "--json"))["key"]
    assert walk.batched(account.api, key, TEXT, ["One", "Two"]) == ["You said: One", "You said: Two"]


def test_an_administrator_signs_in_takes_in_an_application_and_sees_what_was_called(account: Account, client: Client) -> None:
    visitor = Visitor(Platform(account.home, urlsplit(account.portal).port or 0))
    page = visitor.get("/admin/applications")
    assert APPLICATION in visitor.session.post(page.url, {"sub": "administrator"}, timeout=60).text
    application, shown = visitor.onboard("By hand")
    details = {name: unescape(value) for name, value in DETAIL.findall(shown.text)}
    other = Client(account.api, details["Token URL"], details["Client id"], details["Client secret"], details["Scope"])
    assert other.call("GET", "/prompt/template/list") == {}
    for change in ("rotate", "revoke-old", "deactivate"):
        assert visitor.post(f"/admin/applications/{application}", f"/admin/applications/{application}/{change}").ok
    (own,) = re.findall(f'href="/admin/applications/([0-9a-f-]{{36}})">{APPLICATION}<', visitor.get("/admin/applications").text)
    assert TEXT in visitor.get(f"/admin/calls?application={own}").text
    assert [visitor.get(f"/admin/{page}").status_code for page in ("", "metrics", "health", "models")] == [200] * 4


def test_operators_see_the_queues_and_that_all_is_well(account: Account) -> None:
    queues = account.manage("jobs", "list")
    assert all(queue.name in queues for queue in platform().queues)
    assert "models of bedrock" in account.manage("doctor")


def test_every_worker_is_healthy_by_the_check_of_its_own_container(account: Account) -> None:
    workers = [each for each in account.services.containers() if not each.serves and each.name != "operations"]
    assert len(workers) == len(platform().queues)
    assert all("able to receive" in account.done(each.health, each) for each in workers)


def test_what_the_edge_does_not_know_reaches_no_service(account: Account) -> None:
    assert requests.get(f"{account.api}/admin/applications", timeout=30).status_code == 404
    assert requests.get(f"{account.portal}/model/list_models", timeout=30).status_code == 404


def test_every_call_of_aws_is_understood_and_inside_its_own_role(account: Account) -> None:
    found = account.recording.found
    assert not account.recording.faults
    assert found.keys() == {process.name for process in platform().processes}
    roles = {container.name: container.statements for container in account.services.containers()}
    assert [(name, need) for name, needs in found.items() for need in sorted(needs) if not allowed(roles[name], need)] == []


def test_every_grant_that_the_journey_does_not_use_is_on_the_page(account: Account) -> None:
    idle = {unused_grants.row(*each) for each in unused_grants.idle(platform(), account.recording.found, account.outputs)}
    if "WRITE_GRANTS" in os.environ:
        unused_grants.write(platform(), idle)
    page = unused_grants.written(unused_grants.PAGE.read_text())
    assert unused_grants.figures(platform(), page) in unused_grants.PAGE.read_text(), AGAIN
    assert sorted(idle - page) == [], f"{AGAIN} when there is a reason for each"
    assert sorted(page - unused_grants.rows(platform())) == [], AGAIN
    assert len(page - idle) < len(page) / FEW, f"{AGAIN} after these lines were removed: {sorted(page - idle)}"
