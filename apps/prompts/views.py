"""/prompt over HTTP."""

from typing import Any

from apps.prompts import services
from apps.prompts.records import TemplateVersion
from apps.prompts.serializers import NamedTemplate, NumberedTemplate, SaveTemplate, Template, TemplateMap
from foundation.endpoint import Endpoint
from foundation.identity import Caller
from foundation.records import Page


class Save(Endpoint):
    """Save a prompt template as the next version of its name."""

    request_shape, response_shape = SaveTemplate, Template

    def post(self, caller: Caller, wanted: dict[str, Any]) -> TemplateVersion:
        return services.save(caller, wanted["name"], wanted["prompt_template"])


class Latest(Endpoint):
    """The latest version of a prompt template."""

    request_shape, response_shape = NamedTemplate, Template

    def post(self, caller: Caller, wanted: dict[str, Any]) -> TemplateVersion:
        return services.latest(caller, wanted["name"])


class Versions(Endpoint):
    """All versions of a prompt template, newest first."""

    request_shape, response_shape, many, paged = NamedTemplate, Template, True, True

    def post(self, caller: Caller, wanted: dict[str, Any], limit: int, cursor: str | None) -> Page[TemplateVersion]:
        return services.versions(caller, wanted["name"], limit=limit, cursor=cursor)


class Version(Endpoint):
    """One version of a prompt template."""

    request_shape, response_shape = NumberedTemplate, Template

    def post(self, caller: Caller, wanted: dict[str, Any]) -> TemplateVersion:
        return services.version(caller, wanted["name"], wanted["vnum"])


class List(Endpoint):
    """Every prompt template of the application, with its versions."""

    response_shape, paged = TemplateMap, True

    def get(self, caller: Caller, limit: int, cursor: str | None) -> Page[TemplateVersion]:
        return services.every(caller, limit=limit, cursor=cursor)
