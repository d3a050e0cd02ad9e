"""manage.py models: the catalogue on the command line."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
from asgiref.sync import async_to_sync
from django.core.management.base import CommandError
from msgspec.structs import replace

from apps.invocation import services
from apps.invocation.records import Deployment, Kind, Model, Prices
from foundation.errors import Invalid
from foundation.management.actions import ActionsCommand

PROVIDERS: Final = {
    "openai": "openai_compatible",
    "anthropic": "anthropic",
    "bedrock": "bedrock",
}
PRICES: Final = ("input", "output", "cached", "cache_written")
SECONDS: Final = {
    "first_token_seconds": "to the first of a stream",
    "idle_seconds": "to silence in a stream",
    "answer_seconds": "to a whole answer by one try",
}


def place_arguments(parser: ArgumentParser) -> None:
    """Where a model runs."""
    parser.add_argument("--provider", choices=sorted(PROVIDERS), required=True, help="whose API it speaks")
    parser.add_argument("--model", required=True, metavar="ID", help="its id at the provider")
    parser.add_argument("--base-url", default="", metavar="URL", help="the server, where it is not the configured one")
    parser.add_argument("--region", default="", help="the AWS region, where it is not the configured one")
    parser.add_argument("--weight", type=int, default=1, help="its share among the model's deployments; 0: only if others fail")
    parser.add_argument("--deployment", default="", metavar="NAME", help="what to call this place (default: the provider)")
    for limit, what in SECONDS.items():
        parser.add_argument(f"--{limit.replace('_', '-')}", type=float, metavar="S", help=f"its own limit {what}")
    parser.add_argument("--key-stdin", action="store_true", help="read the provider's key from the standard input")


def member_arguments(parser: ArgumentParser) -> None:
    """What a model is."""
    for price in PRICES:
        name = price.replace("_", "-")
        parser.add_argument(f"--price-{name}", type=float, metavar="USD", help=f"dollars for a million tokens, {name}")
    parser.add_argument("--context-window", type=int, metavar="TOKENS", help="the most it reads and writes together")
    parser.add_argument("--output-limit", type=int, metavar="TOKENS", help="the most it writes")
    parser.add_argument("--input", action="append", dest="inputs", choices=["image", "document"], help="what else it reads")
    parser.add_argument("--alias", action="append", dest="aliases", metavar="NAME", help="another name for it; repeatable")
    parser.add_argument(
        "--fallback", action="append", dest="fallbacks", metavar="MODEL", help="who answers when it cannot, in order"
    )


def deployment(given: Mapping[str, Any], model: str) -> Deployment:
    """The place that the arguments name."""
    kind = PROVIDERS[given["provider"]]
    name = given["deployment"] or given["provider"]
    key = services.keep_model_key(model, name, sys.stdin.read().strip()) if given["key_stdin"] else ""
    limits = {limit: given[limit] for limit in SECONDS}
    url = given["base_url"].rstrip("/")
    return Deployment(name, kind, given["model"], url, given["region"], key, given["weight"], **limits)


def members(given: Mapping[str, Any], before: Model | None = None) -> Mapping[str, Any]:
    """The members of a model that the arguments name."""
    named = ("context_window", "output_limit", "inputs", "aliases", "fallbacks")
    found = {
        name: tuple(given[name]) if isinstance(given[name], list) else given[name] for name in named if given[name] is not None
    }
    prices = {price: given[f"price_{price}"] for price in PRICES if given[f"price_{price}"] is not None}
    if prices:
        old = before.prices if before is not None else None
        if old is None and "input" not in prices:
            raise Invalid("--price-input is missing; the price of what is read belongs to every price")
        found["prices"] = Prices(**prices) if old is None else replace(old, **prices)
    return found


def described(model: Model) -> Mapping[str, Any]:
    """A model as the command shows it."""
    shown: dict[str, Any] = msgspec.to_builtins(model)
    answering = services.answering(model)
    return {**shown, "available": answering is not None, "served_by": answering.name if answering else None}


def every(given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """models list."""
    return [described(model) for model, _ in services.models()]


def show(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """models show NAME."""
    return described(services.find_model(given["name"]))


def add(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """models add NAME."""
    place = deployment(given, given["name"])
    model = Model(given["name"], place.id, Kind(given["kind"]), place.provider, deployments=(place,), **members(given))
    return described(services.save_model(model, new=True))


def change(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """models set NAME."""
    return changed(given, lambda model: replace(model, **members(given, model)))


def deploy(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """models deploy NAME: one more place where it runs."""
    place = deployment(given, services.find_model(given["name"]).name)
    return changed(given, lambda model: replace(model, deployments=(*model.placements, place)))


def undeploy(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """models undeploy NAME --deployment PLACE."""
    return changed(given, lambda model: services.without(model, given["deployment"]))


def disable(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """models disable NAME."""
    return changed(given, lambda model: services.switched(model, on=False))


def enable(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """models enable NAME."""
    return changed(given, lambda model: services.switched(model, on=True))


def changed(given: Mapping[str, Any], change: Callable[[Model], Model]) -> Mapping[str, Any]:
    """The model after a change."""
    return described(services.change_model(given["name"], change))


def remove(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """models remove NAME."""
    services.remove_model(given["name"])
    return {"name": given["name"], "removed": True}


def refresh(given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """models refresh."""
    return [{"name": model.name, "id": model.id, "state": model.state.value} for model in services.refresh_models()]


def test(given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """models test [NAME]."""
    chosen = [services.find_model(given["name"])] if given["name"] else [model for model, _ in services.models()]
    tested = [(model, result) for model in chosen for result in async_to_sync(services.test_model)(model)]
    if given["name"] and not tested:
        raise Invalid(services.remedy(chosen[0]))
    return [tested_place(model.name, *result) for model, result in tested]


def tested_place(name: str, place: Deployment, said: str, error: str) -> Mapping[str, Any]:
    """What came of a call of one deployment."""
    return {"name": name, "deployment": place.name, "works": not error, "said": said, "error": error}


def lines(told: Any) -> Iterator[str]:
    """What was found or done: a line for each of several, a line for each member of one."""
    if isinstance(told, list):
        for one in told:
            shown = {**one, "served_by": one["served_by"] or "nobody"} if "served_by" in one else one
            yield "  ".join(str(shown[name]) for name in SHORT if shown.get(name) not in (None, ""))
        if not told:
            yield "Nothing changed."
        return
    width = max(len(name) for name in told)
    for name, value in told.items():
        if value not in (None, [], ""):
            yield f"{name:<{width}}  {json.dumps(value) if isinstance(value, dict | list) else value}"


SHORT: Final = ("name", "kind", "deployment", "state", "served_by", "said", "error")
ACTIONS: Final = {
    "list": ("list every model, and which one answers for it", every),
    "show": ("show one model with its deployments and prices", show),
    "add": ("add a model that a provider runs", add),
    "set": ("change a model's prices, limits, other names and fallbacks", change),
    "deploy": ("let a model run in one more place", deploy),
    "undeploy": ("let it run there no longer", undeploy),
    "disable": ("refuse calls of a model", disable),
    "enable": ("let it be called again", enable),
    "remove": ("forget a model that was added, or the changes of one that ships", remove),
    "refresh": ("read from Bedrock which models it will end or has ended", refresh),
    "test": ("call each deployment of one or of every model once", test),
}


class Command(ActionsCommand):
    help = "List the models, add and change them, switch them off and on, test them, and read their states from Bedrock."
    actions = ACTIONS
    lines = staticmethod(lines)

    def arguments(self, action: str, parser: ArgumentParser) -> None:
        if action == "test":
            parser.add_argument("name", nargs="?", help="only this model")
        elif action not in ("list", "refresh"):
            parser.add_argument("name", help="the name by which it is called")
        if action in ("add", "deploy"):
            place_arguments(parser)
        if action == "add":
            parser.add_argument("--kind", choices=[kind.value for kind in Kind], default=Kind.TEXT.value, help="what it makes")
        if action in ("add", "set"):
            member_arguments(parser)
        if action == "undeploy":
            parser.add_argument("--deployment", required=True, help="the deployment's name")

    def handle(self, *args: Any, **given: Any) -> None:
        told = self.acted(given)
        if given["action"] == "test" and not all(one["works"] for one in told):
            raise CommandError("not every deployment answers")
