"""The portal's pages of limits, budgets and the handling of calls over HTTP."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.forms import BoundField, Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from msgspec.structs import replace

from apps.applications import services as applications
from apps.applications.records import Allowance, Policy
from apps.invocation import services as models
from apps.portal.pages import Page, shown
from apps.portal.policy_forms import ACTIONS, CACHES, SCOPES, AllowanceForm, AllowForm, HandlingForm
from foundation.errors import Invalid

# The name of each limit, and how its use is said.
LIMITS: Final[Mapping[str, tuple[str, str]]] = {
    "requests_per_minute": ("Requests a minute", "in this minute"),
    "tokens_per_minute": ("Tokens a minute", "in this minute"),
    "concurrent": ("Calls at once", "under way"),
    "usd_per_day": ("US dollars a day", "spent today"),
    "usd_per_month": ("US dollars a month", "spent this month"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One limit as a page shows it: its name, its field in a form, what is used of it in words, and in percent of it."""

    label: str
    field: BoundField | None
    used: str
    limit: str
    percent: int


@dataclass(frozen=True, slots=True)
class Card:
    """The limits of one model, or of all (model is empty), with the form that changes them."""

    model: str
    rows: tuple[Row, ...]
    form: AllowanceForm


def cards(policy: Policy, bound: Mapping[str, AllowanceForm] = {}) -> tuple[Card, ...]:
    """The limits of an application. bound: a form that was sent and is shown again, by its model."""
    made = []
    for scope in models.limits_of(policy):
        allowance = policy.by_model[scope.model] if scope.model else policy.allowance
        form = bound.get(scope.model) or AllowanceForm.of(allowance, scope.model)
        rows = tuple(
            Row(
                LIMITS[share.field][0],
                form[share.field],
                amount(share.used, share.field, LIMITS[share.field][1]),
                amount(share.limit, share.field),
                share.percent,
            )
            for share in scope.shares
        )
        made.append(Card(scope.model, rows, form))
    return tuple(made)


def amount(value: float | None, field: str, what: str = "") -> str:
    """A number or an amount of money to read; nothing where there is none."""
    if value is None:
        return ""
    if not field.startswith("usd"):
        return f"{value:,} {what}".rstrip()
    return f"{value:,.2f} {what}".rstrip() if not value or value >= 0.01 else f"less than 0.01 {what}".rstrip()


def summary(application: str) -> Mapping[str, Any]:
    """What the page of an application shows of its policy."""
    policy = applications.policy_of(application)
    actions, guard = dict(ACTIONS), policy.guard
    caching = policy.caching
    kind = {(False, False): "off", (True, False): "exact", (False, True): "semantic", (True, True): "both"}
    return {
        "policy": policy,
        "cards": cards(policy),
        "cache": dict(CACHES)[kind[caching.exact, caching.semantic]],
        "cache_scope": dict(SCOPES)[caching.scope.value],
        "checks": [
            ("Personal data", actions[guard.personal.value]),
            ("Secrets", actions[guard.secrets.value]),
            ("Denied phrases", actions[guard.phrases.value]),
        ],
    }


def changed(request: HttpRequest, application: str, form: Form, change: Callable[[Policy], Policy]) -> bool:
    """Change the policy as it was when the page was shown; False, with an error on the form, when it cannot be so.

    Conflict when somebody else changed it meanwhile.
    """
    policy = applications.policy_of(applications.find(application).application)
    revision = request.POST.get("revision", "")
    try:
        applications.set_policy(
            replace(change(policy), revision=int(revision) if revision.isascii() and revision.isdigit() else -1)
        )
    except Invalid as refused:
        named = next((name for name in form.fields if refused.detail.startswith((f"{name} ", f"{name}_"))), None)
        form.add_error(named, refused.detail)
        return False
    return True


def saved(request: HttpRequest, application: str, said: str, page: str = "portal-limits") -> HttpResponse:
    """Back to a page, which says what was done."""
    messages.success(request, f"{said} It holds everywhere within 5 seconds.")
    return HttpResponseRedirect(reverse(page, args=[application]))


class Limits(Page):
    """/admin/applications/<id>/limits: limits for all models together and for single ones."""

    def get(self, request: HttpRequest, application: str) -> HttpResponse:
        return limits_page(request, application)

    def post(self, request: HttpRequest, application: str) -> HttpResponse:
        name = request.POST.get("model", "")
        model = models.find_model(name).name if name else ""
        form = AllowanceForm(request.POST, auto_id=f"{model or 'all'}-%s")
        whose = f"The limits of {model}" if model else "The limits"
        if "clear" in request.POST:
            form = AllowanceForm({}, auto_id=f"{model or 'all'}-%s")
        if form.is_valid() and changed(request, application, form, lambda policy: limited(policy, model, form.allowance)):
            return saved(request, application, f"{whose} are {'removed' if form.allowance == Allowance() else 'saved'}.")
        return limits_page(request, application, 400, {model: form})


def limited(policy: Policy, model: str, allowance: Allowance) -> Policy:
    """The policy with other limits."""
    if model:
        return replace(policy, by_model={**policy.by_model, model: allowance})
    return replace(policy, allowance=allowance)


def limits_page(
    request: HttpRequest,
    application: str,
    status: int = 200,
    bound: Mapping[str, AllowanceForm] = {},
    allow: AllowForm | None = None,
) -> HttpResponse:
    """The page of limits."""
    found = applications.find(application)
    policy = applications.policy_of(application)
    new = next((form for model, form in bound.items() if model and model not in policy.by_model), None)
    return shown(
        request,
        "limits",
        status,
        application=found,
        policy=policy,
        cards=cards(policy, bound),
        allow=allow or AllowForm.of(policy),
        others=[model.name for model, _ in models.models() if model.name not in policy.by_model],
        new=new or AllowanceForm(auto_id="new-%s"),
        chosen=next((model for model in bound if model not in policy.by_model), ""),
    )


class AllowList(Page):
    """/admin/applications/<id>/limits/models: which models it may call."""

    def get(self, request: HttpRequest, application: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("portal-limits", args=[application]))

    def post(self, request: HttpRequest, application: str) -> HttpResponse:
        form = AllowForm(request.POST)
        if form.is_valid() and changed(request, application, form, lambda policy: replace(policy, models=form.patterns)):
            return saved(request, application, "The list of models is saved.")
        return limits_page(request, application, 400, allow=form)


class Handling(Page):
    """/admin/applications/<id>/handling: kept answers, checks, and what was said."""

    def get(self, request: HttpRequest, application: str) -> HttpResponse:
        return handling_page(request, application)

    def post(self, request: HttpRequest, application: str) -> HttpResponse:
        form = HandlingForm(request.POST)
        if form.is_valid() and changed(request, application, form, form.applied):
            return saved(request, application, "The handling of calls is saved.", "portal-application")
        return handling_page(request, application, 400, form)


def handling_page(request: HttpRequest, application: str, status: int = 200, form: HandlingForm | None = None) -> HttpResponse:
    """The page of how calls are handled."""
    policy = applications.policy_of(application)
    return shown(
        request,
        "handling",
        status,
        application=applications.find(application),
        policy=policy,
        form=form or HandlingForm.of(policy),
    )
