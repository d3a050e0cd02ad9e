"""What to copy into an application so that it connects. Pure: a connection and its secret in, texts out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from apps.applications.services import Connection

PLACEHOLDER: Final = "<client secret>"
MODEL: Final = "smollm2-135m-instruct"  # the one that every platform has


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


def openai(connection: Connection, key: str) -> str:
    """OpenAI's SDK with a key alone."""
    return (
        "from openai import OpenAI\n\n"
        f'client = OpenAI(base_url="{connection.api_url}/v1", api_key="{key}")\n'
        "answer = client.chat.completions.create(\n"
        f'    model="{MODEL}",\n'
        '    messages=[{"role": "user", "content": "Hello"}],\n'
        ")\n"
        "print(answer.choices[0].message.content)\n"
    )


def anthropic(connection: Connection, key: str) -> str:
    """Anthropic's SDK with a key alone."""
    return (
        "from anthropic import Anthropic\n\n"
        f'client = Anthropic(base_url="{connection.api_url}", api_key="{key}")\n'
        "answer = client.messages.create(\n"
        f'    model="{MODEL}",\n'
        "    max_tokens=200,\n"
        '    messages=[{"role": "user", "content": "Hello"}],\n'
        ")\n"
        "print(answer.content[0].text)\n"
    )


def curl_with_key(connection: Connection, key: str) -> str:
    """A first call with a key."""
    return f'curl -s -H "Authorization: Bearer {key}" {connection.api_url}/v1/models\n'


KEY_WRITERS: Final[Mapping[str, Callable[[Connection, str], str]]] = {
    "Shell: the models that may be called": curl_with_key,
    "Python, with OpenAI’s SDK": openai,
    "Python, with Anthropic’s SDK": anthropic,
}


def key_snippets(connection: Connection, key: str) -> tuple[Snippet, ...]:
    """One for each way to call with an API key alone."""
    return tuple(Snippet(title, write(connection, key)) for title, write in KEY_WRITERS.items())
