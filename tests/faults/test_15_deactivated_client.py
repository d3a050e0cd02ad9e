"""Fault 15: a client that was deleted or deactivated is out within five seconds."""

from collections.abc import Callable

import pytest

from foundation.adapters import directory
from foundation.fresh import FRESH
from tests.forging import good_token
from tests.running import wait_for


@pytest.mark.parametrize("shut", [lambda client: directory.set_active(client, False), directory.delete])
def test_15_a_client_that_is_no_more_is_refused_within_five_seconds(ask, credentials, shut: Callable[[str], object]):
    token = good_token(credentials)
    assert ask(token)[0] == 200
    shut(credentials.client)
    wait_for(lambda: ask(token)[0] == 401, FRESH + 0.5)


def test_15_a_client_that_is_active_again_is_let_in(ask, credentials):
    token = good_token(credentials)
    directory.set_active(credentials.client, False)
    assert ask(token)[0] == 401
    directory.set_active(credentials.client, True)
    wait_for(lambda: ask(token)[0] == 200, FRESH + 0.5)
