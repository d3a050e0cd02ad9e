"""Templates and their versions, as an application sees them."""

from collections.abc import Callable

import pytest

from apps.prompts import services
from apps.prompts.records import TemplateVersion
from foundation.errors import Invalid, NotFound
from foundation.identity import Caller
from foundation.records import Page
from tests.conformance.processes import at_once


def whole(page: Callable[[str | None], Page[TemplateVersion]]) -> list[TemplateVersion]:
    found: list[TemplateVersion] = []
    cursor = None
    while True:
        got = page(cursor)
        found += got.items
        if (cursor := got.cursor) is None:
            return found


def test_versions_count_from_one(caller: Caller) -> None:
    saved = [services.save(caller, "n", text) for text in ("a", "", "a")]
    assert [(each.version, each.text) for each in saved] == [(1, "a"), (2, ""), (3, "a")]
    assert len({each.id for each in saved}) == 3
    assert services.latest(caller, "n").version == 3
    assert services.version(caller, "n", 1).text == "a"


def test_saves_at_once_have_versions_without_a_gap(caller: Caller) -> None:
    saved = at_once(20, lambda number: services.save(caller, "n", f"text {number}"))
    assert sorted(each.version for each in saved) == list(range(1, 21))
    for each in saved:
        assert services.version(caller, "n", each.version).text == each.text
    assert services.latest(caller, "n").version == 20


def test_one_name_in_two_applications_is_two_templates(caller: Caller, stranger: Caller) -> None:
    services.save(caller, "n", "mine")
    assert services.save(stranger, "n", "theirs").version == 1
    assert services.latest(caller, "n").text == "mine"
    services.save(caller, "only mine", "mine")
    for read in (
        lambda: services.latest(stranger, "only mine"),
        lambda: services.version(stranger, "only mine", 1),
        lambda: services.versions(stranger, "only mine", limit=1, cursor=None),
    ):
        with pytest.raises(NotFound):
            read()
    assert {each.name for each in services.every(stranger, limit=10, cursor=None).items} == {"n"}


@pytest.mark.parametrize("number", [0, -1, 2, 2**63 - 1, -(2**63)])
def test_a_version_that_is_not_there_is_not_found(caller: Caller, number: int) -> None:
    services.save(caller, "n", "text")
    with pytest.raises(NotFound, match="version not found"):
        services.version(caller, "n", number)


@pytest.mark.parametrize("name", ["", " ", "\t", "a\x00b", "a\nb", "\u202en"])
def test_an_impossible_name_is_refused_and_nothing_is_stored(caller: Caller, name: str) -> None:
    with pytest.raises(Invalid):
        services.save(caller, name, "text")
    assert services.every(caller, limit=10, cursor=None).items == ()


def test_names_that_begin_alike_do_not_mix(caller: Caller) -> None:
    for name in ("a", "a b", "aa", "a-"):
        services.save(caller, name, name)
    assert [each.text for each in services.versions(caller, "a", limit=10, cursor=None).items] == ["a"]


def test_versions_are_newest_first_over_their_pages(caller: Caller) -> None:
    for number in range(12):
        services.save(caller, "n", f"{number}")
    listed = whole(lambda cursor: services.versions(caller, "n", limit=5, cursor=cursor))
    assert [each.version for each in listed] == list(range(12, 0, -1))


def test_the_list_has_names_in_descending_order_and_the_newest_version_of_each_first(caller: Caller) -> None:
    for name in ("b", "a", "c", "a"):
        services.save(caller, name, "text")
    listed = whole(lambda cursor: services.every(caller, limit=1, cursor=cursor))
    assert [(each.name, each.version) for each in listed] == [("c", 1), ("b", 1), ("a", 2), ("a", 1)]


def test_a_cursor_is_good_for_its_list_and_its_application_alone(caller: Caller, stranger: Caller) -> None:
    for who in (caller, stranger):
        for name in ("n", "n", "m", "m"):
            services.save(who, name, "text")
    cursor = services.versions(caller, "n", limit=1, cursor=None).cursor
    for other in (
        lambda: services.versions(stranger, "n", limit=1, cursor=cursor),
        lambda: services.versions(caller, "m", limit=1, cursor=cursor),
        lambda: services.every(caller, limit=1, cursor=cursor),
    ):
        with pytest.raises(Invalid, match="cursor"):
            other()
