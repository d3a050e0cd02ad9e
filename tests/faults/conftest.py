"""Every fault about tokens meets the real issuer, whose keys are fetched over HTTP."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import RequestFactory

from foundation.endpoint import Endpoint
from foundation.identity import Caller
from tests.forging import new_client
from tests.serving import serving


@pytest.fixture(scope="session")
def issuer() -> Iterator[list[str]]:
    """The issuer, reachable where tokens say; the list of the paths that were asked for."""
    with serving() as asked:
        yield asked


@pytest.fixture
def credentials(issuer: list[str]) -> Any:
    """A client of an application of its own."""
    return new_client()


class WhoAmI(Endpoint):
    """An endpoint like any other, which tells on whose behalf it was asked."""

    def get(self, caller: Caller) -> dict[str, str]:
        return {"application": caller.application, "client": caller.client}


@pytest.fixture
def ask(issuer: list[str]) -> Callable[..., Any]:
    """Asks a service directly, past any gateway; gives status and body."""

    def asked(token: str | None, **headers: str) -> Any:
        sent = {**headers, **({"Authorization": f"Bearer {token}"} if token is not None else {})}
        answer = WhoAmI.as_view()(RequestFactory().get("/who", headers=sent))
        return answer.status_code, answer.data

    return asked
