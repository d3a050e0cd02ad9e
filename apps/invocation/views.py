"""Models over HTTP, as far as Django answers: /model, and the lists of /v1."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpResponseBase
from rest_framework.request import Request

from apps.invocation import serializers, services
from apps.invocation.dialects.anthropic import errors as anthropic_errors
from apps.invocation.dialects.openai import errors as openai_errors
from apps.invocation.gateway.beginning import TELLS
from apps.invocation.records import AsyncInvocation, AsyncStatus, Kind
from foundation.endpoint import Endpoint
from foundation.errors import NotFound, Problem
from foundation.identity import Caller


class ListModels(Endpoint):
    """Every name that a model can be called by, and which model answers for it."""

    response_shape = serializers.ModelList

    def get(self, caller: Caller) -> Mapping[str, Sequence[Mapping[str, object]]]:
        listed: Mapping[Kind, list[Mapping[str, object]]] = {kind: [] for kind in Kind}
        for model, answering in services.models():
            listed[model.kind].append(
                {
                    "model_name": model.name,
                    "model_id": model.id,
                    "available": answering is not None,
                    "served_by": answering.name if answering else None,
                }
            )
        return {"text_models": listed[Kind.TEXT], "embed_models": listed[Kind.EMBED]}


class OpenAIEndpoint(Endpoint):
    """A path of OpenAI's dialect."""

    refusal_shape = serializers.OpenAIError

    def failure(self, problem: Problem) -> tuple[int, Mapping[str, Any]]:
        return openai_errors.failure(problem)


class NoSuchPath(OpenAIEndpoint):
    """Every other path under /v1: there is nothing, which is said as its dialect says it."""

    schema, open = None, True

    def _answer(self, request: Request, path: Mapping[str, Any]) -> HttpResponseBase:
        self.initial_negotiation(request)
        raise NotFound(f"Invalid URL ({request.method} {request.path[:200]})")


class NoSuchMessagesPath(NoSuchPath):
    """The same under /v1/messages, which is Anthropic's."""

    def failure(self, problem: Problem) -> tuple[int, Mapping[str, Any]]:
        return anthropic_errors.failure(problem)


class Models(OpenAIEndpoint):
    """The models that the application may call and that somebody answers for, as OpenAI lists them, by each of their names."""

    response_shape = serializers.OpenAIModelList

    def get(self, caller: Caller) -> Mapping[str, object]:
        pairs = services.callable_models(caller)
        return {"object": "list", "data": [serializers.listed(*p, name) for p in pairs for name in (p[0].name, *p[0].aliases)]}


class OneModel(OpenAIEndpoint):
    """One of them, by its name."""

    response_shape = serializers.OpenAIModel

    def get(self, caller: Caller, name: str) -> Mapping[str, object]:
        return serializers.listed(*services.callable_model(caller, name))


class AsyncOutput(Endpoint):
    """The answer to an asynchronous invocation: 202 while there is none yet; kept for an hour."""

    response_shape = serializers.AsyncOutput
    other_successes = (202,)
    tells = {name: TELLS[name] for name in ("x-ignored-parameters", "x-adjusted-parameters")}

    def get(self, caller: Caller, invocation_id: str) -> AsyncInvocation:
        found = services.async_output(caller, invocation_id)
        self.success = 202 if found.status is AsyncStatus.IN_PROGRESS else 200
        self.headers |= {name: said for name, said in zip(self.tells, (found.ignored, found.adjusted), strict=True) if said}
        return found
