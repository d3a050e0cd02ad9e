"""How administrators change the catalogue: add a model, say where it runs and what it costs, switch it off, take it back."""

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from apps.invocation.adapters import PROVIDERS, is_configured, lifecycles, provider
from apps.invocation.catalogue import UNKNOWN, configured, current, forget, shipped, stored
from apps.invocation.invocations import Message, Request, Role, Text
from apps.invocation.ports import Connection, Lifecycle
from apps.invocation.records import PLATFORM, CatalogueRow, Deployment, Kind, Model, State
from foundation.adapters import records, secrets
from foundation.errors import Conflict, Invalid, NotFound, Problem
from foundation.records import ANY, UNSAFE, Absent

LONGEST_NAME: Final = 200
LONGEST_ID: Final = 2048
MOST_TOKENS: Final = 2**31 - 1
LONGEST: Final = {"first_token_seconds": 300, "idle_seconds": 120, "answer_seconds": 900}
PLAIN: Final = "a URL of ASCII characters that begins with http:// or https://, without a user, a password, a ? or a #"
REGION: Final = re.compile("[a-z0-9-]{0,30}")
TRIES: Final = 20  # of a change that others are always faster with
PROBE: Final = "Say hello."
PROBE_SECONDS: Final = 60.0


def find_model(name: str) -> Model:
    """One model of the catalogue, by its name or another name of it; NotFound."""
    model = current().find(name)
    if model is None:
        raise NotFound(f"there is no model {name[:LONGEST_NAME]}; `manage.py models list` shows them all")
    return model


def answering(model: Model) -> Model | None:
    """The model that answers for this one: itself, an alias's target, or nobody."""
    return current().answering(model)


def remedy(model: Model) -> str:
    """What an administrator can do for a model that nobody answers for."""
    return current().remedy(model)


def save_model(model: Model, *, new: bool = False) -> Model:
    """Put the model in the place of the one with its name; everywhere within 10 seconds.

    Invalid names what is wrong with it. Where it is `new`, Conflict when the name is taken.
    """
    taken = f"there is a model {model.name} already; `manage.py models set` and `deploy` change it"
    if new and model.name in current().models:
        raise Conflict(taken)
    checked(model)
    try:
        return written(model, 0 if new else ANY)
    except Conflict as late:
        raise Conflict(taken) from late


def change_model(name: str, change: Callable[[Model], Model]) -> Model:
    """Put what `change` makes of a model in its place, with what others have changed meanwhile; everywhere within 10 seconds.

    NotFound for no model, Invalid for what it cannot become.
    """
    for _ in range(TRIES):
        forget()  # what is at hand may be from before another process changed it
        model = find_model(name)
        row = records.get(CatalogueRow, PLATFORM, model.name)
        wanted = change(model if row is None else msgspec.json.decode(row.content, type=Model))
        checked(wanted)
        with suppress(Conflict):
            return written(wanted, 0 if row is None else row.revision)
    raise Conflict(f"{name} was changed by others all the time; try again")


def switched(model: Model, *, on: bool) -> Model:
    """The model, callable or not. Invalid for one that its provider has ended."""
    if on and model.state is State.RETIRED:
        raise Invalid(f"{model.name} was ended by its provider")
    return replace(model, state=State.ACTIVE if on else State.DISABLED)


def without(model: Model, place: str) -> Model:
    """The model without one of its places. Invalid for the only one, and for one that it does not have."""
    left = tuple(each for each in model.placements if each.name != place)
    if len(left) == len(model.placements):
        raise Invalid(f"{model.name} has no deployment {place[:LONGEST_NAME]}: {', '.join(p.name for p in model.placements)}")
    if not left:
        raise Invalid(f"{place} is the only deployment of {model.name}; switch the model off instead")
    return replace(model, deployments=left)


def written(model: Model, expect: int | Absent) -> Model:
    """Put it into the store, which has what is expected, else Conflict; this process knows it at once."""
    records.put(CatalogueRow(model.name, msgspec.json.encode(model).decode()), expect=expect)
    forget()
    return model


def keep_model_key(model: str, place: str, key: str) -> str:
    """Keep the key that a place of a model shows to its provider; the name of the secret, which is the place's `key`. Another
    key has another name, so that no process goes on with the old one.

    Invalid when there is none.
    """
    if not key or UNSAFE.search(key):
        raise Invalid("the provider's key is empty, or is no text of one line")
    name = f"model-key-{hashlib.sha256(f'{model} {place} {key}'.encode()).hexdigest()[:32]}"
    secrets.put(name, key)
    return name


def remove_model(name: str) -> None:
    """Forget what was changed or added: a model that ships is as it shipped, another one is gone. NotFound for neither."""
    if not records.delete(CatalogueRow, PLATFORM, find_model(name).name):
        raise NotFound(f"{name} is as it shipped; `manage.py models disable {name}` switches it off")
    forget()


def is_changed(model: Model) -> bool:
    """Whether an administrator added or changed it."""
    return records.get(CatalogueRow, PLATFORM, model.name) is not None


def checked(model: Model) -> None:
    """Invalid when the model cannot be in the catalogue as it is."""
    for what, text, longest in named(model):
        if not 0 < len(text) <= longest or UNSAFE.search(text) or text != text.strip():
            raise Invalid(f"{what} must be 1 to {longest} characters, without control characters or spaces at its ends")
    if UNKNOWN in (model.name, *model.aliases):
        raise Invalid(f"name: {UNKNOWN} is what the account calls a model that there is not; choose another")
    known = {*PROVIDERS, *(place.provider for row in shipped() for place in row.placements)}
    for place in model.placements:
        if place.provider and place.provider not in known:
            raise Invalid(f"provider ({place.provider}) must be one of {', '.join(sorted(known))}")
        if place.base_url and not is_plain(place.base_url):
            raise Invalid(f"base_url must be {PLAIN}")
        if not REGION.fullmatch(place.region):
            raise Invalid(f"region ({place.region[:50]!r}) must be the name of an AWS region, for example eu-central-1")
        if not 0 <= place.weight <= 1_000_000:
            raise Invalid(f"weight ({place.weight}) must be from 0 to 1000000")
        for field, most in LONGEST.items():
            seconds = getattr(place, field)
            if seconds is not None and not 0 < seconds <= most:
                raise Invalid(f"{field} ({seconds:g}) must be more than 0 and at most {most}")
    for field in ("context_window", "output_limit"):
        tokens = getattr(model, field)
        if tokens is not None and not 0 < tokens <= MOST_TOKENS:
            raise Invalid(f"{field} ({tokens}) must be from 1 to {MOST_TOKENS} tokens")
    for name, times in Counter(place.name for place in model.placements).items():
        if times > 1:
            said = f"{model.name} has a deployment {name} already; give this one a name of its own"
            raise Invalid(f"{said} (--deployment NAME; in the portal, Name of the place)")
    if model.prices is not None and not all(0 <= (price or 0) < 1_000_000 for price in msgspec.structs.astuple(model.prices)):
        raise Invalid("prices must be numbers from 0, in US dollars for a million tokens")
    checked_names(model)


def named(model: Model) -> Iterator[tuple[str, str, int]]:
    """The names that a model brings, each with what it is and its most characters; they stand in headers, on pages and in
    requests to providers."""
    yield "name", model.name, LONGEST_NAME
    yield from (("an alias", alias, LONGEST_NAME) for alias in model.aliases)
    for place in model.deployments:
        yield "a deployment's name", place.name, LONGEST_NAME
        yield "a deployment's id at its provider", place.id, LONGEST_ID


def is_plain(url: str) -> bool:
    """Whether this is the URL of a server, of nothing that errors and pages may not show or a request's first line cannot
    hold."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        whole = parts.port != 0 and not re.search(r"[^!-~]|[@?#\\]", url)
        return parts.scheme in ("http", "https") and bool(host) and whole
    except ValueError:
        return False


def checked_names(model: Model) -> None:
    """Invalid when an alias is taken, a fallback is none, or an alias of the configuration would have no target."""
    others = {name: other for name, other in current().models.items() if name != model.name}
    called = [other.name for other in others.values() if model.name in other.aliases]
    if called:
        raise Invalid(f"name: {model.name} is another name of {called[0]}")
    taken = [alias for alias in model.aliases if alias in others or any(alias in other.aliases for other in others.values())]
    if taken:
        raise Invalid(f"aliases: {taken[0]} is the name of another model")
    if model.fallbacks and model.kind is Kind.EMBED:
        raise Invalid(
            "fallbacks: another model's vectors cannot be compared with this one's; let it run in more places instead"
        )
    wrong = [name for name in model.fallbacks if name not in others or others[name].kind is not model.kind]
    if wrong:
        raise Invalid(f"fallbacks: {wrong[0]} is no other {model.kind} model of the catalogue")
    try:
        configured([*(row for row in stored() if row.name != model.name), model])
    except ValueError as refused:
        raise Invalid(str(refused)) from refused


def refresh_models() -> list[Model]:
    """Give the models that Bedrock runs the states that it reports; those that changed, as they are now.

    Invalid where Bedrock is not configured. A model that is switched off stays so.
    """
    places = {place.connection for model in current().models.values() for place in bedrock_places(model)}
    if not places:
        raise Invalid("no model runs at Bedrock; set BEDROCK_REGION, or add one with `manage.py models add`")
    known = {place: lifecycles(place) for place in places}
    changed = [model for model in current().models.values() if renewed(model, known).state is not model.state]
    return [change_model(model.name, lambda model: renewed(model, known)) for model in changed]


def renewed(model: Model, known: Mapping[Connection, Mapping[str, Lifecycle]]) -> Model:
    """The model in the state that is reported, if any is, and it is not switched off."""
    state = None if model.state is State.DISABLED else reported(model, known)
    return model if state is None else replace(model, state=state)


def reported(model: Model, known: Mapping[Connection, Mapping[str, Lifecycle]]) -> State | None:
    """The best state of a model in any place where Bedrock runs it, retired where it is no longer there; None: not told.

    Of an ARN, and of a model that others run as well, Bedrock's lists do not tell.
    """
    places = bedrock_places(model)
    if not places or len(places) < len(model.placements) or any(place.id.startswith("arn:") for place in places):
        return None
    states = [State(known[place.connection][place.id].state) for place in places if place.id in known[place.connection]]
    return next((state for state in (State.ACTIVE, State.LEGACY) if state in states), State.RETIRED)


def bedrock_places(model: Model) -> list[Deployment]:
    """Where a configured Bedrock runs a model."""
    return [p for p in model.placements if p.provider == "bedrock" and is_configured(p.provider, p.region)]


async def test_model(model: Model) -> list[tuple[Deployment, str, str]]:
    """Call each deployment of a model once: the deployment, what it said or made, and what went wrong, or nothing. One that
    lets the time of a whole answer pass, its own or a minute, is told so."""
    found = []
    for place in model.usable:
        limit = place.answer_seconds or PROBE_SECONDS
        try:
            async with asyncio.timeout(limit):
                found.append((place, await said(model, place), ""))
        except TimeoutError:
            found.append((place, "", f"it gave no answer in {limit:g} s"))
        except Problem as refused:
            found.append((place, "", refused.reason))
    return found


async def said(model: Model, place: Deployment) -> str:
    """What one deployment answers to a greeting."""
    asked = provider(place.connection)
    match model.kind:
        case Kind.EMBED:
            return f"{len((await asked.embed(place.id, [PROBE])).vectors[0])} dimensions"
        case Kind.RERANK:
            return f"{len((await asked.rerank(place.id, PROBE, [PROBE, 'Another one.'])).ranked)} documents ranked"
    answer = await asked.complete(Request(place.id, (Message(Role.USER, (Text(PROBE),)),), max_tokens=20))
    return " ".join(answer.text.split())[:80] or "(nothing)"
