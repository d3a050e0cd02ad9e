"""What the dashboard, the health page and the metrics page show, and what leaves as CSV."""

import csv
import io
import uuid

import pytest
from django.core.management import load_command_class

from apps.portal.reports import QueueHealth
from foundation.ports import Depth
from tests.portal.visitor import Visitor


def test_the_dashboard_sums_up_and_offers_two_spans(visitor: Visitor) -> None:
    visitor.onboard(f"Seen {uuid.uuid4().hex[:8]}")
    week, month = visitor.get("/admin/"), visitor.get("/admin/?days=30")
    assert "Invocations by day" in week.text and 'aria-current="true">7 days' in week.text
    assert 'aria-current="true">30 days' in month.text
    assert visitor.get("/admin/?days=-1").status_code == 200


def test_the_bare_address_leads_to_the_dashboard(visitor: Visitor) -> None:
    assert "<h1>Dashboard</h1>" in visitor.get("/").text


def test_health_shows_every_service_and_queue(visitor: Visitor) -> None:
    page = visitor.get("/admin/health").text
    for title in ("Extraction", "Chunking", "Vectors", "Prompts", "Models", "Queue extraction", "Queue vectors"):
        assert title in page
    assert "Down" not in page


def test_what_health_advises_for_dead_letters_is_a_command_that_exists() -> None:
    _, _, command = QueueHealth("extraction", Depth(waiting=0, in_flight=0, delayed=0, dead=2)).advice.partition(
        "manage.py jobs "
    )
    asked = load_command_class("foundation", "jobs").create_parser("manage.py", "jobs").parse_args(command.split())
    assert (asked.verb, asked.queue) == ("redrive", "extraction")


def test_metrics_of_an_application_without_calls_say_so(visitor: Visitor) -> None:
    application, _ = visitor.onboard(f"Quiet {uuid.uuid4().hex[:8]}")
    page = visitor.get(f"/admin/metrics?application={application}")
    assert page.status_code == 200 and "No model was called in these days" in page.text


@pytest.mark.parametrize("query", ["start=2026-02-30", "start=2026-03-02&end=2026-03-01", "end=x"])
def test_days_that_do_not_exist_are_said_beside_their_field(visitor: Visitor, query: str) -> None:
    visitor.onboard(f"Dated {uuid.uuid4().hex[:8]}")
    page = visitor.get(f"/admin/metrics?{query}")
    assert page.status_code == 400 and 'class="wrong"' in page.text


TABLES = ("invocations", "days", "extraction-jobs", "chunking-jobs", "vectorization-jobs", "vector-stores")


@pytest.mark.parametrize("table", TABLES)
def test_each_table_leaves_as_csv(visitor: Visitor, table: str) -> None:
    application, _ = visitor.onboard(f"Table {uuid.uuid4().hex[:8]}")
    answer = visitor.get(f"/admin/metrics/download/{table}?application={application}&start=2026-01-01&end=2026-01-03")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{table}-2026-01-01-2026-01-03.csv"'
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert len(rows[0]) > 2 and len(rows) == (4 if table == "days" else 1)


def test_a_link_to_what_only_a_form_may_ask_for_is_answered_by_a_page(visitor: Visitor) -> None:
    application, _ = visitor.onboard(f"Linked {uuid.uuid4().hex[:8]}")
    answer = visitor.get(f"/admin/applications/{application}/rotate")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, OPTIONS")
    assert "takes forms only" in answer.text and "To the dashboard" in answer.text


def test_a_table_that_does_not_exist_is_404(visitor: Visitor) -> None:
    application, _ = visitor.onboard(f"No table {uuid.uuid4().hex[:8]}")
    assert visitor.get(f"/admin/metrics/download/passwords?application={application}").status_code == 404


def test_the_pages_of_the_api_and_all_that_they_load_come_from_here(visitor: Visitor) -> None:
    page = visitor.get("/docs")
    assert "swagger-ui-bundle.js" in page.text and "http://" not in page.text and "https://" not in page.text
    for asset in ("drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js", "docs/docs.js", "portal/portal.css"):
        assert visitor.get(f"/static/{asset}").status_code == 200
