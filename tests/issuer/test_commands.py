"""What operators do with administrators and keys from the command line."""

import io
import json
import os
import re
import subprocess
import sys
import uuid

import pytest
from django.core.management import CommandError, call_command

from apps.issuer import services
from tests.conformance.processes import outputs, python
from tests.running import ROOT

CHOOSING = """
from apps.issuer import people
people.choose_password(next(people.everyone()), "a few words in a row 7", "a few words in a row 7")
"""


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def email() -> str:
    return f"{uuid.uuid4().hex[:12]}@example.org"


def test_a_new_administrator_gets_a_one_time_password_that_works(portal, email):
    made = json.loads(run("admins", "create", email.upper(), "--json"))
    assert made["email"] == email
    assert portal.sign_in(email, made["one_time_password"])["Location"].startswith("/login/new-password?")


def test_a_reset_password_replaces_the_old_one(portal, another_portal, administrator):
    made = json.loads(run("admins", "reset", administrator.email, "--json"))
    assert portal.sign_in(administrator.email, administrator.password).status_code == 400
    assert another_portal().sign_in(administrator.email, made["one_time_password"]).status_code == 302


def test_a_deactivated_administrator_is_kept_out_until_activated(another_portal, administrator):
    run("admins", "deactivate", administrator.email)
    assert another_portal().sign_in(administrator.email, administrator.password).status_code == 400
    run("admins", "activate", administrator.email)
    assert another_portal().sign_in(administrator.email, administrator.password).status_code == 302


def test_the_list_shows_everybody_and_no_password(email):
    made = services.create_administrator(email)
    listed = run("admins", "list", "--json")
    assert {"email": email, "active": True, "one_time_password": True}.items() <= next(
        row for row in json.loads(listed) if row["email"] == email
    ).items()
    assert made.password not in listed and "scrypt" not in listed


@pytest.mark.parametrize("wrong", ["", "nobody", "@example.org", "a b@example.org", "a\x00@example.org", "x" * 300 + "@e.org"])
def test_what_is_not_an_address_is_refused(wrong):
    with pytest.raises(CommandError):
        run("admins", "create", wrong)


def test_a_second_administrator_of_one_address_is_refused_by_name(email):
    run("admins", "create", email)
    with pytest.raises(CommandError, match="already"):
        run("admins", "create", email)


def test_an_unknown_administrator_is_named(email):
    with pytest.raises(CommandError, match=email):
        run("admins", "reset", email)


def test_a_rotation_says_when_the_new_key_signs():
    (row,) = json.loads(run("issuer", "rotate", "local_administrators", "--json"))
    assert row["kid"] == services.key_ring("local_administrators").keys[-1].kid
    assert "signs from" in run("issuer", "rotate", "local_administrators")


def test_a_fresh_machine_shows_its_first_administrator_once_and_then_how_to_get_in_until_one_has(tmp_path):
    environment = {**os.environ, "FOUNDATION_HOME": str(tmp_path), "SERVE": "issuer"}

    def prepared() -> str:
        command = [sys.executable, "manage.py", "prepare"]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout

    assert re.search(r"admin@localhost with the one-time password \S{20} ", prepared())
    assert "`manage.py admins reset admin@localhost` makes" in prepared()
    outputs([python(CHOOSING, FOUNDATION_HOME=str(tmp_path), SERVE="issuer")])
    assert prepared() == ""
