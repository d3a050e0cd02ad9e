"""API keys of applications: made, listed, replaced and ended, by service and by `manage.py keys`."""

import json
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.applications import services
from apps.applications.records import Application
from foundation.adapters import records
from foundation.ambient import now
from foundation.apps import ApiKey, KeyHolder, KeyState
from foundation.errors import Invalid, NotFound, Unauthenticated
from foundation.fresh import FRESH
from foundation.identity import identify
from foundation.keys import digest
from tests.running import wait_for


@pytest.fixture
def application() -> Application:
    return services.create(f"Application {uuid.uuid4()}", "It has keys.")[0]


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("keys", *arguments, stdout=out)
    return out.getvalue()


def run_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def is_refused(text: str) -> bool:
    try:
        identify(f"Bearer {text}")
    except Unauthenticated:
        return True
    return False


def test_a_key_speaks_for_the_application_that_it_was_made_for_and_for_no_other(application: Application) -> None:
    other, _ = services.create(f"Application {uuid.uuid4()}", "It has other keys.")
    for owner in (application, other):
        _, text = services.create_key(owner.application, "a key")
        caller = identify(f"Bearer {text}")
        assert (caller.application, caller.client) == (owner.application, owner.client)


def test_a_key_can_be_recognised_and_cannot_be_read_from_what_is_stored(application: Application) -> None:
    key, text = services.create_key(application.application, "a key")
    assert re.fullmatch(r"gaf_[A-Za-z0-9_-]{51}", text)
    assert text.startswith(key.beginning) and len(key.beginning) == 12
    holder = records.get(KeyHolder, digest(text))
    assert holder is not None
    for stored in (holder, records.get(ApiKey, application.application, key.key)):
        assert stored is not None
        assert text not in repr(stored) and text[12:] not in repr(stored)


def test_two_keys_are_never_the_same(application: Application) -> None:
    made = [services.create_key(application.application, "same name") for _ in range(20)]
    assert len({text for _, text in made}) == len({key.key for key, _ in made}) == 20


def test_the_list_is_newest_first_and_whole_over_its_pages(application: Application) -> None:
    made = [services.create_key(application.application, f"key {number}")[0].key for number in range(5)]
    assert [key.key for key in everyone(application)] == made[::-1]


def everyone(application: Application) -> Iterator[ApiKey]:
    cursor = None
    while True:
        page = services.keys_of(application.application, limit=2, cursor=cursor)
        yield from page.items
        if (cursor := page.cursor) is None:
            return


def test_a_key_is_refused_from_the_moment_of_its_end(application: Application) -> None:
    second = 1 / 86_400
    key, text = services.create_key(application.application, "short", days=1.5 * second)
    assert not is_refused(text)
    wait_for(lambda: is_refused(text), 5)
    assert services.find_key(key.key).state is KeyState.EXPIRED
    with pytest.raises(Invalid, match="expired"):
        services.rotate_key(application.application, key.key)


def test_while_a_key_is_rotated_both_are_good_and_the_old_one_ends_by_itself(application: Application) -> None:
    old, text = services.create_key(application.application, "a key")
    new, second = services.rotate_key(application.application, old.key, hours=1.5 / 3600)
    assert (new.name, new.ends) == (old.name, None)
    assert not is_refused(text) and not is_refused(second)
    wait_for(lambda: is_refused(text), FRESH + 2)
    assert not is_refused(second)


def test_a_rotated_key_is_good_as_long_as_the_old_one_was_meant_to_be(application: Application) -> None:
    old, _ = services.create_key(application.application, "a key", days=30)
    new, _ = services.rotate_key(application.application, old.key, hours=24)
    assert new.ends is not None
    assert abs(new.ends - new.created - timedelta(days=30)) < timedelta(seconds=5)
    assert abs(services.find_key(old.key).ends - now() - timedelta(hours=24)) < timedelta(minutes=1)


def test_rotation_does_not_make_the_old_key_good_for_longer(application: Application) -> None:
    old, _ = services.create_key(application.application, "a key", days=1 / 24)
    services.rotate_key(application.application, old.key, hours=48)
    assert services.find_key(old.key).ends == old.ends


def test_without_overlap_the_old_key_ends_at_once(application: Application) -> None:
    old, text = services.create_key(application.application, "a key")
    services.rotate_key(application.application, old.key, hours=0)
    assert is_refused(text)


def test_a_revoked_key_is_refused_and_a_repeat_changes_nothing(application: Application) -> None:
    key, text = services.create_key(application.application, "a key")
    assert not is_refused(text)
    first = services.revoke_key(application.application, key.key)
    assert first.state is KeyState.REVOKED
    assert services.revoke_key(application.application, key.key) == first
    assert is_refused(text)
    with pytest.raises(Invalid, match="revoked"):
        services.rotate_key(application.application, key.key)


def test_the_keys_of_a_deactivated_application_are_refused_and_let_in_again(application: Application) -> None:
    _, text = services.create_key(application.application, "a key")
    assert not is_refused(text)
    services.set_active(application.application, False)
    wait_for(lambda: is_refused(text), FRESH + 1)
    services.set_active(application.application, True)
    wait_for(lambda: not is_refused(text), FRESH + 1)


def test_no_application_can_end_or_replace_the_key_of_another(application: Application) -> None:
    other, _ = services.create(f"Application {uuid.uuid4()}", "It has no keys.")
    key, text = services.create_key(application.application, "a key")
    for use in (services.rotate_key, services.revoke_key):
        with pytest.raises(NotFound):
            use(other.application, key.key)
    assert services.keys_of(other.application).items == ()
    assert not is_refused(text)


def test_only_an_application_that_exists_has_keys() -> None:
    unknown = str(uuid.uuid4())
    for use in (services.create_key, services.rotate_key, services.revoke_key):
        with pytest.raises(NotFound):
            use(unknown, "a key")
    with pytest.raises(NotFound):
        services.keys_of(unknown)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "\x1b[31m", "\u202e"])
def test_a_name_without_its_form_is_refused(application: Application, name: str) -> None:
    with pytest.raises(Invalid, match="name"):
        services.create_key(application.application, name)
    assert services.keys_of(application.application).items == ()


@pytest.mark.parametrize("days", [0.0, -1.0, float("nan"), float("inf"), 3651.0])
def test_a_length_that_is_none_is_refused(application: Application, days: float) -> None:
    with pytest.raises(Invalid, match="expires"):
        services.create_key(application.application, "a key", days)
    assert services.keys_of(application.application).items == ()


@pytest.mark.parametrize("hours", [-0.1, float("nan"), float("inf"), 8761.0])
def test_an_overlap_that_is_none_is_refused_and_makes_no_key(application: Application, hours: float) -> None:
    key, _ = services.create_key(application.application, "a key")
    with pytest.raises(Invalid, match="overlap"):
        services.rotate_key(application.application, key.key, hours)
    assert [each.key for each in services.keys_of(application.application).items] == [key.key]


def test_the_command_takes_an_application_by_its_name_or_by_its_id(application: Application) -> None:
    for named in (application.name, application.name.upper(), application.application):
        made = run_json("create", named, "--name", "from the command", "--expires", "2")
        assert identify(f"Bearer {made['key']}").application == made["application"] == application.application
        assert made["beginning"] == made["key"][:12]
        assert (made["name"], made["state"]) == ("from the command", "active")
        assert made["expires"] is not None


def test_the_command_shows_a_key_once(application: Application) -> None:
    made = run_json("create", application.name)
    assert made["expires"] is None
    shown = run_json("list", application.name)
    assert shown == [{name: value for name, value in made.items() if name != "key"}]
    assert shown[0] in run_json("list")
    assert made["key"] not in run("list", application.name)
    assert "shown this once" in run("create", application.name)


def test_the_command_rotates_and_revokes_by_the_id_of_the_key(application: Application) -> None:
    old = run_json("create", application.name)
    new = run_json("rotate", old["id"], "--overlap", "1")
    assert not is_refused(old["key"]) and not is_refused(new["key"])
    assert run_json("revoke", old["id"])["state"] == "revoked"
    assert is_refused(old["key"]) and not is_refused(new["key"])


@pytest.mark.parametrize("action", ["rotate", "revoke"])
@pytest.mark.parametrize("unknown", ["none", "", "a\x00b", "x" * 5000])
def test_the_command_says_where_the_ids_of_keys_are_found(action: str, unknown: str) -> None:
    with pytest.raises(CommandError, match="keys list"):
        run(action, unknown)


def test_the_command_refuses_in_one_line(application: Application) -> None:
    for arguments in (("create", str(uuid.uuid4())), ("create", application.name, "--expires", "nan"), ("list", "nobody's")):
        with pytest.raises(CommandError) as refused:
            run(*arguments)
        assert "\n" not in str(refused.value)
