"""The hot paths: parse, make the call, render; in front of Django (see foundation.hot). One file for each dialect's door."""

from dataclasses import replace
from typing import Final

from apps.invocation.gateway import anthropic, openai, platform, responses
from apps.invocation.gateway.beginning import TAKES, TELLS
from foundation.hot import Route
from foundation.settings import CHOSEN

routes: Final[tuple[Route, ...]] = tuple(
    replace(route, takes=TAKES, tells={**TELLS, **route.tells}, seconds=CHOSEN.route_deadline + CHOSEN.route_longest)
    for route in (*platform.routes, *openai.routes, *anthropic.routes, *responses.routes)
)
