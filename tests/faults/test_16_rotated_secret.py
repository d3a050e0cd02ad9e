"""Fault 16: while a secret is rotated, the old one and the new one both work, until the old one is revoked."""

from foundation.adapters import directory
from tests.forging import ask_for_token


def test_16_the_old_and_the_new_secret_both_work_until_the_old_one_is_revoked(credentials):
    new = directory.rotate(credentials.client)
    assert new.secret != credentials.secret
    assert ask_for_token(credentials).status_code == ask_for_token(new).status_code == 200
    assert directory.revoke_old(credentials.client) == 1
    assert ask_for_token(credentials).json()["error"] == "invalid_client"
    assert ask_for_token(new).status_code == 200


def test_16_a_second_rotation_ends_the_oldest_secret(credentials):
    second, third = directory.rotate(credentials.client), directory.rotate(credentials.client)
    assert ask_for_token(credentials).json()["error"] == "invalid_client"
    assert ask_for_token(second).status_code == ask_for_token(third).status_code == 200
