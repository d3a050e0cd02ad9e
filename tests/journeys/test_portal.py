"""An administrator's first day in a real browser: sign in, onboard an application, call with it, deactivate it."""

import os
import shutil
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.portal.visitor import PASSWORD, administrator
from tests.running import Api, Platform, token, wait_for

CHROMIUM = shutil.which("chromium", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/bin"]))
WITHOUT = "there is no Chromium; on Debian and Ubuntu `apt-get install chromium` installs it"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Where there is none the journey is skipped, but in CI it fails."""
    if CHROMIUM is None:
        assert os.environ.get("CI") != "true", WITHOUT
        pytest.skip(WITHOUT)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(params=[(1280, True), (390, True), (1280, False)], ids=["desktop", "telephone", "without JavaScript"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A window; whatever the browser complains about on a page fails the test."""
    width, scripts = request.param
    context = browser.new_context(viewport={"width": width, "height": 800}, java_script_enabled=scripts)
    opened, complaints = context.new_page(), list[str]()
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda raised: complaints.append(str(raised)))
    yield opened
    context.close()
    assert not complaints


def credential(page: Page, name: str) -> str:
    """One of the connection details on the page, read as a person reads it."""
    return page.locator("dl.details > div", has=page.locator("dt", has_text=name)).locator("code").inner_text()


def sign_in(page: Page, platform: Platform, path: str) -> None:
    """Sign in as a new administrator on the way to a page."""
    made = administrator(platform)
    page.goto(platform.url + path)
    page.get_by_label("E-mail address").fill(made["email"])
    page.get_by_label("Password").fill(made["one_time_password"])
    page.get_by_role("button", name="Sign in").click()
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=repeated]").fill(PASSWORD)
    page.get_by_role("button", name="Save and sign in").click()
    expect(page).to_have_url(platform.url + path)


def test_of_a_list_of_calls_and_the_ways_to_other_pages_nothing_lies_beyond_the_window(platform: Platform, page: Page) -> None:
    made = platform.create_application(f"Labelled {uuid.uuid4().hex[:8]}")
    labels = f"batch=batch_{uuid.uuid4()},custom_id={'long' * 12}"
    asked = {"model": "smollm2-135m-instruct", "max_tokens": 1, "messages": [{"role": "user", "content": "Hello"}]}
    assert platform.api(made).post("/v1/chat/completions", asked, headers={"x-labels": labels}).status_code == 200
    sign_in(page, platform, f"/admin/calls?application={made['app_id']}")
    wait_for(lambda: page.reload() and page.get_by_text("custom_id=").count())
    assert page.viewport_size is not None
    seen = page.locator(".top nav a, table.cards td, table.cards .badge").filter(visible=True).all()
    assert len(seen) > 12
    beyond = [each.inner_text() for each in seen if right(each) > page.viewport_size["width"]]
    table = page.locator("section:has(> table.cards)")
    assert (beyond, table.evaluate("it => it.scrollWidth - it.clientWidth")) == ([], 0)


def right(seen: Locator) -> float:
    """Where on the page the right end of something is."""
    box = seen.bounding_box()
    assert box is not None
    return box["x"] + box["width"]


def test_an_application_is_onboarded_called_with_and_deactivated(platform: Platform, page: Page) -> None:
    name = f"Journey {uuid.uuid4().hex[:8]}"
    sign_in(page, platform, "/admin/applications")
    page.get_by_role("link", name="Onboard an application").first.click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Description").fill("Made on an administrator's first day.")
    page.get_by_role("button", name="Onboard it").click()
    expect(page.get_by_role("heading", name=f"{name} is onboarded")).to_be_visible()
    credentials = {
        "client_id": credential(page, "Client id"),
        "client_secret": credential(page, "Client secret"),
        "token_url": credential(page, "Token URL"),
        "scope": credential(page, "Scope"),
    }
    api = Api(credential(page, "API URL"), token(credentials))
    assert api.get("/prompt/template/list").status_code == 200

    page.get_by_role("link", name="I have copied the secret").click()
    page.get_by_role("link", name="Deactivate").click()
    page.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_text(f"{name} is deactivated.")).to_be_visible()
    wait_for(lambda: api.get("/prompt/template/list").status_code == 401, 5.5)

    page.get_by_role("button", name="Activate again").click()
    expect(page.get_by_text(f"{name} is active.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("E-mail address")).to_be_visible()
