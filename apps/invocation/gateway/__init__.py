"""The hot paths: parse, make the call, render; in front of Django (see foundation.hot). One file for each dialect's door."""

from typing import Final

from apps.invocation.gateway import anthropic, openai, platform, responses

routes: Final = (*platform.routes, *openai.routes, *anthropic.routes, *responses.routes)
