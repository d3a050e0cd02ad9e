"""Fault 15: a client that was deleted or deactivated is out within five seconds."""

from collections.abc import Callable

from foundation.adapters import directory
from foundation.fresh import FRESH
from tests.forging import good_token, new_client
from tests.running import wait_for

WAYS: tuple[Callable[[str], object], ...] = (lambda client: directory.set_active(client, False), directory.delete)


def test_15_a_client_that_is_no_more_is_refused_within_five_seconds(ask):
    clients = [new_client() for _ in WAYS]
    tokens = [good_token(client) for client in clients]
    assert [ask(token)[0] for token in tokens] == [200] * len(WAYS)
    for shut, client in zip(WAYS, clients, strict=True):
        shut(client.client)
    wait_for(lambda: all(ask(token)[0] == 401 for token in tokens), FRESH + 0.5)


def test_15_a_client_that_is_active_again_is_let_in(ask, credentials):
    token = good_token(credentials)
    directory.set_active(credentials.client, False)
    assert ask(token)[0] == 401
    directory.set_active(credentials.client, True)
    wait_for(lambda: ask(token)[0] == 200, FRESH + 0.5)
