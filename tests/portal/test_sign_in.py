"""Signing in to the portal and out of it, through the issuer."""

from tests.portal.visitor import PASSWORD, Visitor, administrator, signed_in
from tests.running import Platform


def test_a_page_asks_who_is_there_and_leads_back_to_itself_afterwards(platform: Platform) -> None:
    visitor, made = Visitor(platform), administrator(platform)
    asked = visitor.get("/admin/applications?status=inactive")
    assert asked.url.startswith(f"{platform.url}/login?")
    choosing = visitor.send(asked, email=made["email"], password=made["one_time_password"])
    there = visitor.send(choosing, password=PASSWORD, repeated=PASSWORD)
    assert there.url == f"{platform.url}/admin/applications?status=inactive"
    assert made["email"] in there.text


def test_a_wrong_password_signs_nobody_in(platform: Platform) -> None:
    visitor, made = Visitor(platform), administrator(platform)
    refused = visitor.send(visitor.get("/admin/"), email=made["email"], password="not the password")
    assert "not right" in refused.text
    assert visitor.get("/admin/").url.startswith(f"{platform.url}/login?")


def test_signing_out_ends_the_sessions_of_portal_and_issuer(platform: Platform) -> None:
    visitor = signed_in(platform)
    kept = dict(visitor.session.cookies)
    after = visitor.post("/admin/", "/admin/sign-out")
    assert after.url.startswith(f"{platform.url}/login?")
    thief = Visitor(platform)
    thief.session.cookies.update(kept)
    assert thief.get("/admin/").url.startswith(f"{platform.url}/login?")


def test_signing_out_takes_a_form_and_not_a_link(visitor: Visitor) -> None:
    assert visitor.get("/admin/sign-out").status_code == 405
    assert visitor.get("/admin/").url == f"{visitor.url}/admin/"


def test_the_portal_is_found_without_its_last_slash(visitor: Visitor) -> None:
    assert visitor.get("/admin").url == f"{visitor.url}/admin/"


def test_a_sign_in_begun_under_another_name_of_the_host_goes_on_under_the_public_one(platform: Platform) -> None:
    moved = Visitor(platform).get(f"http://localhost:{platform.port}/admin/", allow_redirects=True)
    assert moved.url.startswith(f"{platform.url}/login?")
