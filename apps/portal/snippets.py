"""What to copy into an application so that it connects. Pure: a connection and its secret in, texts out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from apps.applications.services import Connection

PLACEHOLDER: Final = "<client secret>"


@dataclass(frozen=True, slots=True)
class Snippet:
    """A text to copy, and what it is."""

    title: str
    text: str


def environment(connection: Connection, secret: str) -> str:
    """The variables that the Python client reads."""
    domain = connection.token_url.partition("://")[2].removesuffix("/oauth2/token")
    return (
        f"COGNITO_CLIENT_ID={connection.client_id}\n"
        f"COGNITO_CLIENT_SECRET={secret}\n"
        f"COGNITO_DOMAIN={domain}\n"
        f"PLATFORM_API_URL={connection.api_url}\n"
    )


def curl(connection: Connection, secret: str) -> str:
    """A token, and a first call with it."""
    return (
        f"TOKEN=$(curl -s -u '{connection.client_id}:{secret}' \\\n"
        f"  -d grant_type=client_credentials -d client_id={connection.client_id} -d scope={connection.scope} \\\n"
        f"  {connection.token_url} | python3 -c 'import json, sys; print(json.load(sys.stdin)[\"access_token\"])')\n"
        f'curl -s -H "Authorization: Bearer $TOKEN" {connection.api_url}/model/list_models\n'
    )


def python(connection: Connection, secret: str) -> str:
    """The same in Python."""
    return (
        "import requests\n\n"
        "token = requests.post(\n"
        f'    "{connection.token_url}",\n'
        f'    auth=("{connection.client_id}", "{secret}"),\n'
        f'    data={{"grant_type": "client_credentials", "client_id": "{connection.client_id}",\n'
        f'          "scope": "{connection.scope}"}},\n'
        "    timeout=60,\n"
        ').json()["access_token"]\n'
        "models = requests.get(\n"
        f'    "{connection.api_url}/model/list_models",\n'
        '    headers={"Authorization": f"Bearer {token}"},\n'
        "    timeout=60,\n"
        ")\n"
        "print(models.json())\n"
    )


WRITERS: Final[Mapping[str, Callable[[Connection, str], str]]] = {
    "Shell: a token, then a first call": curl,
    "Python": python,
    ".env for the Python client and the sample applications": environment,
}


def snippets(connection: Connection, secret: str = PLACEHOLDER) -> tuple[Snippet, ...]:
    """One for each way to connect; without the secret, a placeholder stands in its place."""
    return tuple(Snippet(title, write(connection, secret)) for title, write in WRITERS.items())
