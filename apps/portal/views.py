"""The portal's pages over HTTP."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables

from apps.applications import services as applications
from apps.applications.records import Application
from apps.portal import charts, csvs, relay, services, snippets
from apps.portal.forms import NewApplicationForm, PeriodForm
from apps.portal.pages import Page, shown
from apps.portal.policy_views import summary
from apps.portal.reports import DayUse, Period, Report, usd
from apps.usage.records import MICRO
from foundation.errors import Conflict, Invalid, NotFound
from foundation.ports import Credentials

SPANS: Final = (7, 30)
SHOWN_KEYS: Final = 5


def use_charts(days: tuple[DayUse, ...]) -> tuple[charts.Chart, ...]:
    """Invocations, tokens and cost by day."""
    invocations = [charts.Point(f"{one.day:%d %b}", one.invocations) for one in days]
    tokens = [charts.Point(f"{one.day:%d %b}", one.tokens) for one in days]
    cost = [charts.Point(f"{one.day:%d %b}", one.cost) for one in days]
    return (
        charts.columns("Invocations by day", "invocations", invocations),
        charts.columns("Tokens by day", "tokens", tokens),
        charts.columns("Cost by day", "US dollars", cost, usd, MICRO),
    )


class Dashboard(Page):
    """/admin/"""

    def get(self, request: HttpRequest) -> HttpResponse:
        asked = request.GET.get("days", "")
        span = int(asked) if asked in map(str, SPANS) else SPANS[0]
        overview = services.overview(services.last_days(span))
        return shown(request, "dashboard", overview=overview, charts=use_charts(overview.days), span=span, spans=SPANS)


class Applications(Page):
    """/admin/applications"""

    def get(self, request: HttpRequest) -> HttpResponse:
        text, status = request.GET.get("q", "")[:200], request.GET.get("status", "")
        page = services.search(text, status, request.GET.get("cursor") or None)
        onward = urlencode({"q": text, "status": status, "cursor": page.cursor}) if page.cursor else ""
        return shown(
            request,
            "applications",
            applications=page.items,
            q=text,
            status=status,
            onward=onward,
            first="cursor" not in request.GET,
            own=relay.OWN,
        )


class NewApplication(Page):
    """/admin/applications/new"""

    def get(self, request: HttpRequest) -> HttpResponse:
        return shown(request, "new_application", form=NewApplicationForm())

    @sensitive_variables()
    def post(self, request: HttpRequest) -> HttpResponse:
        form = NewApplicationForm(request.POST)
        if form.is_valid():
            try:
                return secret_page(request, *applications.create(**form.cleaned_data), created=True)
            except (Conflict, Invalid) as refused:
                form.add_error("name", refused.detail)
        return shown(request, "new_application", 400, form=form)


@sensitive_variables()
def secret_page(request: HttpRequest, application: Application, credentials: Credentials, *, created: bool) -> HttpResponse:
    """The one page that ever shows a secret; nothing keeps it but the browser's window."""
    connection = applications.connection(application)
    return shown(
        request,
        "secret",
        application=application,
        connection=connection,
        secret=credentials.secret,
        snippets=snippets.snippets(connection, credentials.secret),
        created=created,
    )


class OneApplication(Page):
    """/admin/applications/<id>"""

    def get(self, request: HttpRequest, application: str) -> HttpResponse:
        found = applications.find(application)
        period = services.last_days(SPANS[-1])
        connection = applications.connection(found)
        keys = applications.keys_of(found.application, limit=SHOWN_KEYS)
        return shown(
            request,
            "application",
            keys=keys.items,
            more_keys=keys.cursor is not None,
            **summary(found.application),
            application=found,
            connection=connection,
            snippets=snippets.snippets(connection),
            models=services.model_use(found.application, period),
            charts=use_charts(services.daily_use([found.application], period)),
            period=period,
            own=relay.OWN,
        )


class Confirm(Page):
    """A page that asks before it does what takes something away; a POST to it does that."""

    template: str

    def get(self, request: HttpRequest, application: str) -> HttpResponse:
        return shown(request, self.template, application=applications.find(application), own=relay.OWN)


class Deactivate(Confirm):
    """/admin/applications/<id>/deactivate"""

    template = "deactivate"

    def post(self, request: HttpRequest, application: str) -> HttpResponse:
        found = applications.set_active(application, False)
        undo = reverse("portal-activate", args=[application])
        messages.success(request, f"{found.name} is deactivated. It is refused within 5 seconds.", extra_tags=undo)
        return HttpResponseRedirect(reverse("portal-application", args=[application]))


class Activate(Page):
    """/admin/applications/<id>/activate"""

    def post(self, request: HttpRequest, application: str) -> HttpResponse:
        found = applications.set_active(application, True)
        messages.success(request, f"{found.name} is active.")
        return HttpResponseRedirect(reverse("portal-application", args=[application]))


class Rotate(Page):
    """/admin/applications/<id>/rotate"""

    @sensitive_variables()
    def post(self, request: HttpRequest, application: str) -> HttpResponse:
        return secret_page(request, applications.find(application), applications.rotate(application), created=False)


class RevokeOld(Confirm):
    """/admin/applications/<id>/revoke-old"""

    template = "revoke_old"

    def post(self, request: HttpRequest, application: str) -> HttpResponse:
        ended = applications.revoke_old(application)
        messages.success(request, f"{ended} old secret ended." if ended else "There was no old secret; nothing changed.")
        return HttpResponseRedirect(reverse("portal-application", args=[application]))


class Health(Page):
    """/admin/health"""

    def get(self, request: HttpRequest) -> HttpResponse:
        found = services.health()
        return shown(request, "health", services=found, well=all(service.well for service in found))


class Metrics(Page):
    """/admin/metrics"""

    def get(self, request: HttpRequest) -> HttpResponse:
        choices = services.all_applications()
        form, application, period = looked_at(request, choices)
        if application is None or period is None:
            return shown(request, "metrics", 400 if form.errors else 200, form=form, choices=choices)
        report = services.report(application.application, period)
        query = urlencode({"application": application.application, "start": period.start, "end": period.end})
        return shown(
            request,
            "metrics",
            form=form,
            choices=choices,
            application=application,
            period=period,
            report=report,
            charts=use_charts(report.days),
            query=query,
        )


def looked_at(request: HttpRequest, choices: tuple[Application, ...]) -> tuple[PeriodForm, Application | None, Period | None]:
    """The form as filled in, the application that it names (or the newest that is not the portal's own), and the period."""
    form = PeriodForm(request.GET)
    if not form.is_valid():
        return form, None, None
    wanted = form.cleaned_data["application"]
    usual = next((one for one in choices if one.name != relay.OWN), next(iter(choices), None))
    application = applications.find(wanted) if wanted else usual
    return form, application, Period(form.cleaned_data["start"], form.cleaned_data["end"])


class Download(Page):
    """/admin/metrics/download/<table>: a table of the metrics page as CSV."""

    def get(self, request: HttpRequest, table: str) -> HttpResponse:
        _, application, period = looked_at(request, ())
        if application is None or period is None or table not in TABLES:
            raise NotFound(f"there is no table {table[:50]}")
        header, rows = TABLES[table](services.report(application.application, period))
        response = HttpResponse(csvs.table(header, rows), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="{table}-{period.start}-{period.end}.csv"'
        return response


def _job_table(kind: str) -> Any:
    header = ("status", "jobs", "files", "completed_files", "failed_files")

    def table(report: Report) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
        counts = next(group.counts for group in report.jobs if group.kind == kind)
        return header, [(one.status, one.jobs, one.files, one.completed, one.failed) for one in counts]

    return table


def _model_table(report: Report) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    tokens = ("input_tokens", "output_tokens", "cached_tokens")
    header = ("model_id", "model_name", "invocations", "failed", *tokens, "cache_hits", "cost_usd")
    return header, [
        (
            one.model_id,
            one.model_name,
            one.calls,
            one.failed,
            one.input_tokens,
            one.output_tokens,
            one.cached_tokens,
            one.cache_hits,
            one.cost_usd,
        )
        for one in report.models
    ]


def _day_table(report: Report) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    header = ("day", "invocations", "tokens", "cost_usd")
    return header, [(one.day, one.invocations, one.tokens, one.cost / MICRO) for one in report.days]


def _store_table(report: Report) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    header = ("store", "name", "type", "created")
    return header, [(one.store, one.name, one.type, one.created.isoformat()) for one in report.stores]


TABLES: Final[Mapping[str, Any]] = {
    "invocations": _model_table,
    "days": _day_table,
    "vector-stores": _store_table,
    **{f"{kind}-jobs": _job_table(kind) for kind in services.JOBS},
}
