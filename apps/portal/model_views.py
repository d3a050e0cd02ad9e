"""The portal's pages of the models over HTTP."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlencode

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from msgspec.structs import replace

from apps.invocation import services
from apps.invocation.records import Deployment, Model
from apps.portal.model_forms import ModelForm, NewModelForm, PlaceForm
from apps.portal.pages import Page, shown
from foundation.errors import Invalid, Problem

KINDS: Final = {"text": "Text", "embed": "Embeddings", "rerank": "Order of documents"}
LIMITS: Final = {
    "first_token_seconds": "to the first of a stream",
    "idle_seconds": "of silence in a stream",
    "answer_seconds": "to a whole answer",
}


def address(model: Model) -> str:
    """The page of a model. Its name is no part of the path, as it may have slashes."""
    return f"{reverse('portal-model')}?{urlencode({'name': model.name})}"


def places(deployments: Iterable[Deployment]) -> list[tuple[Deployment, str, services.Standing | None]]:
    """Where a model runs, the own time limits of each place, and how its circuit stands where this process has called it."""
    return [(place, limits(place), services.circuit(place)) for place in deployments]


def limits(place: Deployment) -> str:
    """The time limits of its own that a place has."""
    own = {text: getattr(place, field) for field, text in LIMITS.items()}
    return ", ".join(f"{seconds:g} s {text}" for text, seconds in own.items() if seconds is not None)


def unanswered(listed: tuple[Model, Model | None]) -> bool:
    """Whether nobody answers for a model: such names are listed last."""
    _, answering = listed
    return answering is None


class Models(Page):
    """/admin/models"""

    def get(self, request: HttpRequest) -> HttpResponse:
        text, able = request.GET.get("q", "")[:200], request.GET.get("able", "")
        found = [
            (model, answering, address(model), places(model.usable))
            for model, answering in sorted(services.models(), key=unanswered)
            if text.casefold() in f"{model.name} {model.id}".casefold() and able in ("", "yes" if answering else "no")
        ]
        return shown(request, "models_list", models=found, q=text, able=able, kinds=KINDS)


class NewModel(Page):
    """/admin/models/new"""

    def get(self, request: HttpRequest) -> HttpResponse:
        return shown(request, "new_model", form=NewModelForm(initial={"weight": 1}))

    @sensitive_variables()
    def post(self, request: HttpRequest) -> HttpResponse:
        form = NewModelForm(request.POST)
        if form.is_valid():
            try:
                secret = kept_key(form, form.cleaned_data["name"])
                made = services.save_model(form.model(form.placed(secret)), new=True)
                messages.success(request, f"{made.name} can be called. Test it here, and say what it costs.")
                return HttpResponseRedirect(address(made))
            except Problem as refused:
                form.add_error(None, refused.reason)
        return shown(request, "new_model", 400, form=form)


@sensitive_variables()
def kept_key(form: PlaceForm, model: str) -> str:
    """Keep the key that a form has, if it has one; the name of the secret that it is."""
    known = form.cleaned_data
    place = known["deployment"] or known["provider"]
    return services.keep_model_key(model, place, known["key"]) if known["key"] else ""


class OneModel(Page):
    """/admin/models/one?name=..."""

    def get(self, request: HttpRequest) -> HttpResponse:
        model = services.find_model(request.GET.get("name", ""))
        return page(request, model, ModelForm.of(model))

    def post(self, request: HttpRequest) -> HttpResponse:
        model, form = services.find_model(request.GET.get("name", "")), ModelForm(request.POST)
        if form.is_valid():
            try:
                services.change_model(model.name, form.applied)
                messages.success(request, f"{model.name} is changed, everywhere within 10 seconds.")
                return HttpResponseRedirect(address(model))
            except Problem as refused:
                form.add_error(None, refused.reason)
        return page(request, model, form, 400)


def page(request: HttpRequest, model: Model, form: Form, status: int = 200, **more: object) -> HttpResponse:
    """The page of one model."""
    return shown(
        request,
        "model",
        status,
        model=model,
        places=places(model.placements),
        form=form,
        kind=KINDS[model.kind],
        answering=services.answering(model),
        remedy=services.remedy(model),
        changed=services.is_changed(model),
        here_name=urlencode({"name": model.name}),
        **{"place_form": PlaceForm(initial={"weight": 1}), **more},
    )


class Act(Page, ABC):
    """What a POST from a model's page does to it."""

    def post(self, request: HttpRequest) -> HttpResponse:
        model = services.find_model(request.GET.get("name", ""))
        try:
            return self.done(request, model)
        except Invalid as refused:
            messages.error(request, refused.reason)
            return HttpResponseRedirect(address(model))

    @abstractmethod
    def done(self, request: HttpRequest, model: Model) -> HttpResponse:
        """Do it; where to go then."""


class Switch(Act):
    """/admin/models/switch"""

    def done(self, request: HttpRequest, model: Model) -> HttpResponse:
        on = request.POST.get("on") == "yes"
        services.change_model(model.name, lambda model: services.switched(model, on=on))
        messages.success(request, f"{model.name} can be called again." if on else f"{model.name} is switched off.")
        return HttpResponseRedirect(address(model))


class Test(Act):
    """/admin/models/test"""

    def done(self, request: HttpRequest, model: Model) -> HttpResponse:
        results = async_to_sync(services.test_model)(model)
        return page(request, model, ModelForm.of(model), tested=results, none=not results)


class Deploy(Act):
    """/admin/models/deploy"""

    @sensitive_variables()
    def done(self, request: HttpRequest, model: Model) -> HttpResponse:
        form = PlaceForm(request.POST)
        if not form.is_valid():
            return page(request, model, ModelForm.of(model), 400, place_form=form)
        place = form.placed(kept_key(form, model.name))
        services.change_model(model.name, lambda model: replace(model, deployments=(*model.placements, place)))
        messages.success(request, f"{model.name} also runs at {place.name}.")
        return HttpResponseRedirect(address(model))


class Undeploy(Act):
    """/admin/models/undeploy"""

    def done(self, request: HttpRequest, model: Model) -> HttpResponse:
        services.change_model(model.name, lambda model: services.without(model, request.POST.get("deployment", "")))
        messages.success(request, f"{model.name} runs in one place less.")
        return HttpResponseRedirect(address(model))


class Remove(Act):
    """/admin/models/remove"""

    def done(self, request: HttpRequest, model: Model) -> HttpResponse:
        services.remove_model(model.name)
        messages.success(request, f"{model.name} is as it shipped, or gone if it did not ship.")
        return HttpResponseRedirect(reverse("portal-models"))
