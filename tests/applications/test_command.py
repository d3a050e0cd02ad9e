"""manage.py apps."""

import json
import uuid
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from foundation.adapters import directory


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("apps", *arguments, stdout=out)
    return out.getvalue()


def run_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


@pytest.fixture
def name() -> str:
    return f"Command {uuid.uuid4()}"


def test_create_prints_all_that_an_application_needs_to_connect(name: str) -> None:
    made = run_json("create", name)
    assert made["name"] == name
    assert made["status"] == "active"
    assert made["token_url"].endswith("/oauth2/token")
    assert made["scope"] == "genaifoundations/read"
    assert directory.authenticate(made["client_id"], made["client_secret"]) is not None


def test_create_says_the_same_to_people(name: str) -> None:
    told = run("create", name)
    lines = dict(line.split("  ", 1) for line in told.splitlines() if "  " in line)
    assert lines["name"].strip() == name
    assert directory.authenticate(lines["client_id"].strip(), lines["client_secret"].strip()) is not None
    assert "shown this once" in told


def test_a_name_that_is_taken_is_refused_in_one_line(name: str) -> None:
    run("create", name)
    with pytest.raises(CommandError) as refused:
        run("create", name.lower())
    assert "choose another name" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("wrong", ["", "  ", "a\x00b", "\x1b[2J", "x" * 101])
def test_a_name_without_its_form_is_refused(wrong: str) -> None:
    with pytest.raises(CommandError, match="app_name"):
        run("create", wrong)


def test_list_shows_every_application_without_a_secret(name: str) -> None:
    made = run_json("create", name)
    shown = {each["name"]: each for each in run_json("list")}
    assert shown[name] == {key: value for key, value in made.items() if key != "client_secret"}
    assert made["client_secret"] not in run("list")


def test_an_application_is_deactivated_and_activated_by_its_name(name: str) -> None:
    made = run_json("create", name)
    for action, status in (("deactivate", "inactive"), ("deactivate", "inactive"), ("activate", "active")):
        assert run_json(action, name.upper())["status"] == status
        client = directory.find(made["client_id"])
        assert client is not None
        assert client.active is (status == "active")


def test_rotate_gives_a_second_secret_and_ends_the_old_one_when_told_so(name: str) -> None:
    made = run_json("create", name)
    second = run_json("rotate", name)
    assert directory.authenticate(made["client_id"], made["client_secret"]) is not None
    third = run_json("rotate", name, "--revoke-old")
    good = [directory.authenticate(made["client_id"], each["client_secret"]) is not None for each in (made, second, third)]
    assert good == [False, False, True]


@pytest.mark.parametrize("action", ["activate", "deactivate", "rotate"])
def test_an_unknown_name_is_refused_and_says_where_names_are_found(action: str) -> None:
    with pytest.raises(CommandError, match="apps list"):
        run(action, str(uuid.uuid4()))
