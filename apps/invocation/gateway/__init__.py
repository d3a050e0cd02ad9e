"""The hot paths: parse, make the call, render; in front of Django (see foundation.hot). One file for each dialect's door."""

from dataclasses import replace
from typing import Final

from apps.invocation.gateway import anthropic, openai, platform, responses
from apps.invocation.gateway.beginning import TAKES, TELLS
from foundation.hot import Route

routes: Final[tuple[Route, ...]] = tuple(
    replace(route, takes=TAKES, tells=TELLS)
    for route in (*platform.routes, *openai.routes, *anthropic.routes, *responses.routes)
)
