"""Responses as a client asks for them, and a server with OpenAI's API behind the platform."""

from collections.abc import Iterator
from contextlib import contextmanager

from apps.invocation import services
from apps.invocation.records import Deployment, Kind, Model, Prices
from tests.upstream.openai_server import OpenAIServer, running

PATH = "/v1/responses"
LOCAL = "smollm2-135m-instruct"
QUESTION = "What is the capital of France?"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "name": "weather", "description": "The weather of a city.", "parameters": SCHEMA, "strict": True}
CLOCK = {"type": "function", "name": "clock"}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
PAGES = "data:application/pdf;base64,JVBERi0="


@contextmanager
def answering() -> Iterator[OpenAIServer]:
    """A server with OpenAI's API, whose model is called `responding` here."""
    with running() as server:
        place = Deployment("there", "openai_compatible", "gpt-4o", base_url=server.url)
        services.save_model(Model("responding", "", Kind.TEXT, "", prices=Prices(1.0, 2.0), deployments=(place,)))
        yield server
        services.remove_model("responding")
