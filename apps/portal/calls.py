"""The pages of model calls: a list with filters, one call, and the list as CSV."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse

from apps.applications import services as applications
from apps.applications.records import Application
from apps.portal import csvs, services
from apps.portal.pages import Page, shown
from apps.portal.reports import Period
from apps.portal.views import looked_at
from apps.usage import services as usage
from apps.usage.records import Invocation
from foundation.records import Page as Listing

PAGE_SIZE: Final = 50
BATCHES: Final = 20
BATCH: Final = 500
MOST_DOWNLOADED: Final = 20_000
COLUMNS: Final = (
    "created",
    "invocation",
    "model_name",
    "served_by",
    "deployment",
    "dialect",
    "outcome",
    "finish",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "estimated",
    "cost_usd",
    "latency_ms",
    "first_token_ms",
    "cache",
    "prompt",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls are looked for; what is empty is not asked about. label: `name` or `name=value`."""

    model: str = ""
    outcome: str = ""
    label: str = ""

    def fits(self, row: Invocation) -> bool:
        """Whether a call is one of them."""
        name, equals, value = self.label.partition("=")
        return (
            self.model.casefold() in f"{row.model_name}\n{row.served_by}\n{row.deployment}".casefold()
            and self.outcome in ("", row.outcome, row.status.value)
            and (not self.label or (row.labels.get(name) == value if equals else name in row.labels))
        )


def wanted_by(request: HttpRequest) -> Wanted:
    """The filters in the page's query."""
    return Wanted(*(request.GET.get(name, "").strip()[:200] for name in ("model", "outcome", "label")))


def search(application: str, period: Period, wanted: Wanted, cursor: str | None) -> Listing[Invocation]:
    """The calls that fit, newest first: 50 of them or more, or what there is in the next 10,000."""
    found: list[Invocation] = []
    size = PAGE_SIZE if wanted == Wanted() else BATCH
    for _ in range(BATCHES):
        page = usage.calls(application, period.start, period.end, limit=size, cursor=cursor)
        found += filter(wanted.fits, page.items)
        cursor = page.cursor
        if cursor is None or len(found) >= PAGE_SIZE:
            break
    return Listing(tuple(found), cursor)


class Calls(Page):
    """/admin/calls"""

    def get(self, request: HttpRequest) -> HttpResponse:
        choices = services.all_applications()
        form, application, period = looked_at(request, choices)
        wanted = wanted_by(request)
        if application is None or period is None:
            return shown(request, "calls", 400 if form.errors else 200, form=form, choices=choices, wanted=wanted)
        page = search(application.application, period, wanted, request.GET.get("cursor") or None)
        query = urlencode(asked(application, period, wanted))
        return shown(
            request,
            "calls",
            form=form,
            choices=choices,
            application=application,
            period=period,
            wanted=wanted,
            calls=page.items,
            query=query,
            onward=f"{query}&{urlencode({'cursor': page.cursor})}" if page.cursor else "",
            first="cursor" not in request.GET,
        )


def asked(application: Application, period: Period, wanted: Wanted) -> dict[str, object]:
    """What the page shows, as its query."""
    return {"application": application.application, "start": period.start, "end": period.end, **asdict(wanted)}


class OneCall(Page):
    """/admin/calls/<application>/<invocation>: what was said is shown here and nowhere else."""

    def get(self, request: HttpRequest, application: str, invocation: str) -> HttpResponse:
        found = applications.find(application)
        call, content = usage.call(found.application, invocation)
        return shown(request, "call", application=found, call=call, content=content)


class DownloadCalls(Page):
    """/admin/calls/download: the calls that fit as CSV, at most 20,000."""

    def get(self, request: HttpRequest) -> HttpResponse:
        form, application, period = looked_at(request, services.all_applications())
        if application is None or period is None:
            return shown(request, "calls", 400, form=form, choices=(), wanted=wanted_by(request))
        rows = ([cell(row, name) for name in COLUMNS] for row in fitting(application, period, wanted_by(request)))
        response = HttpResponse(csvs.table(COLUMNS, rows), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="calls-{period.start}-{period.end}.csv"'
        return response


def cell(row: Invocation, name: str) -> object:
    """A value of a call; nothing where there is none."""
    value = row.created.isoformat() if name == "created" else getattr(row, name)
    return "" if value is None else value


def fitting(application: Application, period: Period, wanted: Wanted) -> Iterator[Invocation]:
    """The calls of the download."""

    def fetch(cursor: str | None) -> Listing[Invocation]:
        return usage.calls(application.application, period.start, period.end, limit=BATCH, cursor=cursor)

    return filter(wanted.fits, services.every(fetch, MOST_DOWNLOADED))
