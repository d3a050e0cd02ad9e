"""Onboarding applications, letting them in and keeping them out."""

import uuid

import pytest

from apps.applications import services
from foundation.adapters import directory
from foundation.errors import Conflict, Invalid, NotFound, Unauthenticated
from foundation.fresh import FRESH
from foundation.identity import identify
from tests.conformance.processes import at_once
from tests.forging import good_token
from tests.running import wait_for
from tests.serving import serving


def new_name() -> str:
    return f"Application {uuid.uuid4()}"


def test_a_new_application_is_active_and_its_secret_is_good() -> None:
    name = new_name()
    application, credentials = services.create(f"  {name} ", "What it is.\nTwo lines.")
    assert (application.name, application.description, application.active) == (name, "What it is.\nTwo lines.", True)
    client = directory.authenticate(credentials.client, credentials.secret)
    assert client is not None
    assert (client.application, client.active) == (application.application, True)
    assert services.find(application.application) == services.find_by_name(name.upper()) == application


def test_a_name_is_taken_whatever_the_case_of_its_letters_and_nothing_is_left_of_the_second() -> None:
    name = new_name()
    first, _ = services.create(name, "d")
    with pytest.raises(Conflict, match="choose another name"):
        services.create(name.upper(), "d")
    assert [each.application for each in everyone() if each.name.casefold() == name.casefold()] == [first.application]


def test_of_many_that_take_a_name_at_once_one_has_it() -> None:
    name = new_name()

    def take(_: int) -> bool:
        try:
            services.create(name, "d")
        except Conflict:
            return False
        return True

    assert at_once(8, take).count(True) == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\nb", "a\x00b", "\x1b[31mred", "\u202egpj", "\ud800", "\x7f"])
def test_a_name_without_its_form_is_refused_and_no_client_is_left(name: str) -> None:
    before = [each.client for each in everyone()]
    with pytest.raises(Invalid, match="app_name"):
        services.create(name, "d")
    assert [each.client for each in everyone()] == before


@pytest.mark.parametrize("description", ["", " \n", "x" * 1001, "a\x00b", "\ud800", "\u202e"])
def test_a_description_without_its_form_is_refused(description: str) -> None:
    with pytest.raises(Invalid, match="description"):
        services.create(new_name(), description)


def test_unknown_applications_are_not_found() -> None:
    unknown = str(uuid.uuid4())
    for use in (services.find, services.find_by_name, services.rotate, services.revoke_old):
        with pytest.raises(NotFound):
            use(unknown)
    with pytest.raises(NotFound):
        services.set_active(unknown, False)


def test_the_list_is_newest_first_and_whole_over_its_pages() -> None:
    made = [services.create(new_name(), "d")[0].application for _ in range(5)]
    listed = [each.application for each in everyone(limit=2)]
    assert [each for each in listed if each in made] == made[::-1]
    assert len(set(listed)) == len(listed)


def everyone(limit: int = 100) -> list[services.Application]:
    found: list[services.Application] = []
    cursor = None
    while True:
        page = services.page(limit=limit, cursor=cursor)
        found += page.items
        if (cursor := page.cursor) is None:
            return found


def test_rotation_keeps_the_old_secret_until_it_is_revoked() -> None:
    application, old = services.create(new_name(), "d")
    new = services.rotate(application.application)
    assert all(directory.authenticate(old.client, secret) for secret in (old.secret, new.secret))
    assert services.revoke_old(application.application) == 1
    assert directory.authenticate(old.client, old.secret) is None
    assert directory.authenticate(old.client, new.secret) is not None


def test_a_deactivated_application_is_refused_within_five_seconds_and_let_in_again() -> None:
    application, credentials = services.create(new_name(), "d")
    with serving():
        header = f"Bearer {good_token(credentials)}"
        assert identify(header).application == application.application
        for _ in range(2):
            assert services.set_active(application.application, False).active is False
        wait_for(lambda: refused(header), FRESH + 1)
        services.set_active(application.application, True)
        wait_for(lambda: not refused(header), FRESH + 5)


def refused(header: str) -> bool:
    try:
        identify(header)
    except Unauthenticated:
        return True
    return False
