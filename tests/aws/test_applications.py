"""Applications of a deployment: taken in, given tokens by their Cognito pool, let in by services, rotated, kept out."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import requests

from tests.running import Api, token, wait_for
from tests.servers.deployment import Deployment
from tests.servers.moto import Moto


@pytest.fixture(scope="module")
def made(deployment: Deployment) -> Mapping[str, Any]:
    """The credentials of an application."""
    return deployment.onboard("An application")


def status(prompts: str, bearer: str) -> int:
    """How a service answers a token."""
    return Api(prompts, bearer).get("/prompt/template/list").status_code


def test_an_application_is_told_its_pools_domain_and_the_address_of_the_api(
    deployment: Deployment, made: Mapping[str, Any]
) -> None:
    told = deployment.told
    assert made["token_url"] == f"{told['APPLICATIONS_DOMAIN']}/oauth2/token"
    assert (made["api_url"], made["scope"]) == (told["API_URL"], "genaifoundations/read")


def test_a_token_of_its_pool_lets_an_application_into_a_service_where_it_works(
    made: Mapping[str, Any], deployment: Deployment, prompts: str
) -> None:
    own, other = Api(prompts, token(made)), Api(prompts, token(deployment.onboard("Another application")))
    saved = own.post("/prompt/template/save", {"name": "greeting", "prompt_template": "Hello {{name}}"})
    assert saved.status_code == 200, saved.text
    assert "greeting" in own.get("/prompt/template/list").text
    assert "greeting" not in other.get("/prompt/template/list").text


def test_its_secret_is_in_secrets_manager_under_the_deployments_name(
    made: Mapping[str, Any], deployment: Deployment, moto: Moto
) -> None:
    manager: Any = moto.client("secretsmanager")
    name = f"{deployment.told['DEPLOYMENT']}/{made['client_id']}_client_secret"
    assert manager.get_secret_value(SecretId=name)["SecretString"] == made["client_secret"]


def test_after_a_rotation_both_secrets_are_good_until_the_old_one_is_ended(deployment: Deployment) -> None:
    first = deployment.onboard("Rotated")
    second = json.loads(deployment.manage("apps", "rotate", "Rotated", "--json"))
    assert second["client_secret"] != first["client_secret"]
    assert token(first) and token(second)
    third = json.loads(deployment.manage("apps", "rotate", "Rotated", "--revoke-old", "--json"))
    for ended in (first, second):
        answer = requests.post(
            ended["token_url"],
            data={"grant_type": "client_credentials"},
            auth=(ended["client_id"], ended["client_secret"]),
            timeout=30,
        )
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_client"})
    assert token(third)


def test_a_deactivated_application_is_refused_with_the_token_that_it_has_until_it_is_let_in_again(
    deployment: Deployment, prompts: str
) -> None:
    bearer = token(deployment.onboard("Kept out"))
    assert status(prompts, bearer) == 200
    deployment.manage("apps", "deactivate", "Kept out")
    wait_for(lambda: status(prompts, bearer) == 401)
    deployment.manage("apps", "activate", "Kept out")
    wait_for(lambda: status(prompts, bearer) == 200)


def test_the_list_shows_every_application_with_its_status(deployment: Deployment, made: Mapping[str, Any]) -> None:
    listed = {each["name"]: each for each in json.loads(deployment.manage("apps", "list", "--json"))}
    assert listed["An application"]["client_id"] == made["client_id"]
    assert "client_secret" not in listed["An application"]
