"""The pages of model calls: who called what, how it ended, what it cost; and what was said, for administrators alone."""

import csv
import io
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape

import pytest

from apps.applications.records import Policy
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.records import SCHEMA, SqliteRecords
from foundation.apps import RegisteredClient
from tests.portal.visitor import Visitor
from tests.running import Api, Platform, wait_for

SAID = "Reply to jane.doe@example.com about the violet otter."


@dataclass(frozen=True)
class Called:
    """An application that has called a model."""

    application: str
    api: Api
    invocation: str


@pytest.fixture
def called(platform: Platform) -> Callable[[int], Called]:
    """An application whose policy keeps contents for so many days, with one call of it in the store."""

    def make(content_days: int) -> Called:
        made = platform.create_application(f"Calling {uuid.uuid4().hex[:8]}")
        store = SqliteRecords(Database(platform.home / "records.db", SCHEMA))
        registered = store.get(RegisteredClient, made["client_id"])
        assert registered is not None
        store.put(Policy(registered.application, content_days=content_days))
        api = platform.api(made)
        asked = {"model_name": "smollm2-135m-instruct", "prompt": SAID, "max_tokens": 4, "temperature": 0}
        answer = api.post("/model/invoke", asked, headers={"x-labels": "team=otters"})
        assert answer.status_code == 200, answer.text
        wait_for(lambda: api.ok("GET", "/usage/daily"), 10)  # a call's sums come after its row and what was said
        return Called(registered.application, api, answer.headers["x-request-id"])

    return make


def test_a_call_is_listed_by_its_application_and_found_by_its_filters(
    visitor: Visitor, called: Callable[[int], Called]
) -> None:
    made = called(0)
    address = f"/admin/calls/{made.application}/{made.invocation}"
    for query in ("", "&model=smollm2", "&outcome=SUCCESS", "&outcome=success", "&label=team", "&label=team=otters"):
        assert address in visitor.get(f"/admin/calls?application={made.application}{query}").text, query
    for query in ("&model=nova", "&outcome=FAILED", "&label=team=cats", "&label=stage", "&start=2020-01-01&end=2020-01-02"):
        page = visitor.get(f"/admin/calls?application={made.application}{query}")
        assert page.status_code == 200 and address not in page.text, query


def test_what_was_said_is_on_no_page_unless_the_policy_keeps_it(visitor: Visitor, called: Callable[[int], Called]) -> None:
    made = called(0)
    page = visitor.get(f"/admin/calls/{made.application}/{made.invocation}").text
    assert "It is not kept" in page and "violet otter" not in page


def test_what_was_said_is_kept_redacted_for_administrators_where_the_policy_says_so(
    visitor: Visitor, called: Callable[[int], Called]
) -> None:
    made = called(3)
    page = unescape(visitor.get(f"/admin/calls/{made.application}/{made.invocation}").text)
    assert "violet otter" in page and "jane.doe@example.com" not in page
    own = made.api.get("/usage/calls").text
    assert made.invocation in own and "otter." not in own


def test_calls_leave_as_csv(visitor: Visitor, called: Callable[[int], Called]) -> None:
    made = called(0)
    answer = visitor.get(f"/admin/calls/download?application={made.application}")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["invocation"], row["outcome"], row["dialect"]) == (made.invocation, "success", "platform")
    assert int(row["output_tokens"]) > 0 <= float(row["cost_usd"] or 0)


def test_a_call_of_another_application_and_one_that_never_was_are_the_same_404(
    visitor: Visitor, called: Callable[[int], Called]
) -> None:
    made, other = called(0), called(0)
    pages = [visitor.get(f"/admin/calls/{made.application}/{name}") for name in (other.invocation, str(uuid.uuid4()))]
    assert [page.status_code for page in pages] == [404, 404]
    first, second = (page.text.partition("<main")[2] for page in pages)
    assert first == second != ""


def test_whoever_is_not_signed_in_is_sent_to_sign_in(platform: Platform, called: Callable[[int], Called]) -> None:
    made = called(0)
    for path in ("/admin/calls", "/admin/calls/download", f"/admin/calls/{made.application}/{made.invocation}"):
        answer = Visitor(platform).get(path, allow_redirects=False)
        assert answer.status_code == 302 and "sign-in" in answer.headers["Location"]


def test_the_metrics_page_has_cost(visitor: Visitor, called: Callable[[int], Called]) -> None:
    made = called(0)
    page = visitor.get(f"/admin/metrics?application={made.application}").text
    assert "Cost by day" in page and "$0.00" in page
    days = visitor.get(f"/admin/metrics/download/days?application={made.application}").text
    assert days.splitlines()[0] == "day,invocations,tokens,cost_usd"
    assert "By application" in visitor.get("/admin/").text
