"""Onboarding applications and letting them in and out, on the portal's pages."""

import html
import re
import uuid

import requests

from tests.portal.visitor import Visitor
from tests.running import Api, token, wait_for


def unique(name: str) -> str:
    return f"{name} {uuid.uuid4().hex[:8]}"


def credentials(page: str) -> dict[str, str]:
    """The credentials as a person reads them off the page."""
    named = {
        html.unescape(name): html.unescape(value)
        for name, value in re.findall(r"<dt>([^<]+)</dt><dd><code[^>]*>([^<]+)</code>", page)
    }
    return {
        "client_id": named["Client id"],
        "client_secret": named["Client secret"],
        "token_url": named["Token URL"],
        "scope": named["Scope"],
    }


def test_the_credentials_on_the_page_call_the_api(visitor: Visitor) -> None:
    _, shown = visitor.onboard(unique("Contract search"))

    assert Api(visitor.url, token(credentials(shown.text))).get("/prompt/template/list").status_code == 200


def test_the_secret_is_shown_once(visitor: Visitor) -> None:
    application, shown = visitor.onboard(unique("Once"))
    secret = credentials(shown.text)["client_secret"]
    assert shown.headers["Cache-Control"] == "no-store"
    for path in (f"/admin/applications/{application}", "/admin/applications", "/admin/"):
        assert secret not in visitor.get(path).text


def test_a_form_with_faults_says_them_beside_the_fields_and_keeps_what_was_typed(visitor: Visitor) -> None:
    again = visitor.post("/admin/applications/new", name="", description="Kept <b>text</b>")
    assert again.status_code == 400
    assert "Enter a name" in again.text and "Kept &lt;b&gt;text&lt;/b&gt;" in again.text
    assert 'id="name-error"' in again.text and 'id="description-error"' not in again.text


def test_a_name_is_given_once(visitor: Visitor) -> None:
    name = unique("Twice")
    visitor.onboard(name)
    again = visitor.post("/admin/applications/new", name=name.upper(), description="Again.")
    assert again.status_code == 400 and "choose another name" in again.text


def test_applications_are_found_by_name_and_status(visitor: Visitor) -> None:
    name = unique("Searchable")
    application, _ = visitor.onboard(name)
    assert name in visitor.get(f"/admin/applications?q={name.upper()}").text
    assert f"/admin/applications/{application}" not in visitor.get(f"/admin/applications?q={name}&status=inactive").text
    assert "No application fits" in visitor.get(f"/admin/applications?q={uuid.uuid4()}").text


def test_a_deactivated_application_is_refused_within_five_seconds_and_can_be_let_in_again(visitor: Visitor) -> None:
    application, shown = visitor.onboard(unique("Out and in"))
    api = Api(visitor.url, token(credentials(shown.text)))
    assert api.get("/prompt/template/list").status_code == 200
    page = visitor.post(f"/admin/applications/{application}/deactivate")
    assert "is deactivated" in page.text and "Activate again" in page.text
    wait_for(lambda: api.get("/prompt/template/list").status_code == 401, 5.5)
    undone = visitor.send(page, f"/admin/applications/{application}/activate")
    assert "is active" in undone.text
    wait_for(lambda: api.get("/prompt/template/list").status_code == 200, 5.5)


def test_a_new_secret_works_beside_the_old_one_until_that_is_ended(visitor: Visitor) -> None:
    application, shown = visitor.onboard(unique("Rotated"))
    old = credentials(shown.text)
    new = credentials(visitor.post(f"/admin/applications/{application}", f"/admin/applications/{application}/rotate").text)
    assert token(old) and token(new) and old["client_secret"] != new["client_secret"]
    ended = visitor.post(f"/admin/applications/{application}/revoke-old")
    assert "1 old secret ended" in ended.text
    assert token(new)
    form = {"grant_type": "client_credentials", "client_id": old["client_id"], "scope": old["scope"]}
    refused = requests.post(old["token_url"], form, auth=(old["client_id"], old["client_secret"]), timeout=30)
    assert refused.json()["error"] == "invalid_client"


def test_a_list_of_many_applications_is_paged(visitor: Visitor) -> None:
    group = uuid.uuid4().hex
    for number in range(30):
        visitor.onboard(f"{group} {number}")
    seen: set[str] = set()
    path = f"/admin/applications?q={group}"
    while True:
        page = visitor.get(path)
        seen |= set(re.findall(rf"{group} \d+", page.text))
        onward = re.search(r'href="(\?[^"]+)" rel="next"', page.text)
        if onward is None:
            break
        path = "/admin/applications" + html.unescape(onward[1])
    assert len(seen) == 30


def test_an_application_that_is_not_there_and_a_page_that_is_not_there_are_404_in_the_portals_look(visitor: Visitor) -> None:
    for path in (f"/admin/applications/{uuid.uuid4()}", "/admin/nowhere", "/admin/applications?cursor=altered"):
        page = visitor.get(path)
        assert page.status_code == (400 if "cursor" in path else 404) and "To the dashboard" in page.text
