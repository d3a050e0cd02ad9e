"""Faults 34 to 43: model providers that fail, refuse, hang, break off or answer nonsense, on the wire."""

import asyncio

import pytest

from tests.invocation.door import Door, opened
from tests.upstream.checking import cases, check
from tests.upstream.clients import CLIENTS
from tests.upstream.faults import BEHAVIOURS, Fault
from tests.upstream.unruly import serving
from tests.upstream.wires import Wire


@pytest.fixture(scope="module")
def door() -> Door:
    """An application of its own."""
    return opened()


async def every_client_is_told(fault: Fault, wire: Wire, door: Door) -> None:
    async with serving(wire, BEHAVIOURS) as server:
        await asyncio.gather(*(check(fault, server, client, door) for client in CLIENTS))


@pytest.mark.parametrize(("fault", "wire"), cases(34))
async def test_34_a_provider_over_its_limits(fault: Fault, wire: Wire, door: Door) -> None:
    await every_client_is_told(fault, wire, door)


@pytest.mark.parametrize(("fault", "wire"), cases(35))
async def test_35_a_provider_that_says_it_fails(fault: Fault, wire: Wire, door: Door) -> None:
    await every_client_is_told(fault, wire, door)


@pytest.mark.parametrize(("fault", "wire"), cases(36))
async def test_36_a_provider_that_cannot_be_reached(fault: Fault, wire: Wire, door: Door) -> None:
    await every_client_is_told(fault, wire, door)


@pytest.mark.parametrize(("fault", "wire"), cases(37))
async def test_37_a_provider_that_hangs(fault: Fault, wire: Wire, door: Door) -> None:
    await every_client_is_told(fault, wire, door)


@pytest.mark.parametrize(("fault", "wire"), cases(38))
async def test_38_an_answer_that_is_cut_off(fault: Fault, wire: Wire, door: Door) -> None:
    await every_client_is_told(fault, wire, door)


@pytest.mark.parametrize(("fault", "wire"), cases(39))
async def test_39_an_error_after_the_200(fault: Fault, wire: Wire, door: Door) -> None:
    await every_client_is_told(fault, wire, door)


@pytest.mark.parametrize(("fault", "wire"), cases(40))
async def test_40_an_answer_that_is_none(fault: Fault, wire: Wire, door: Door) -> None:
    await every_client_is_told(fault, wire, door)


@pytest.mark.parametrize(("fault", "wire"), cases(41))
async def test_41_an_error_in_a_200(fault: Fault, wire: Wire, door: Door) -> None:
    await every_client_is_told(fault, wire, door)


@pytest.mark.parametrize(("fault", "wire"), cases(42))
async def test_42_a_trickle_that_is_no_answer(fault: Fault, wire: Wire, door: Door) -> None:
    await every_client_is_told(fault, wire, door)


@pytest.mark.parametrize(("fault", "wire"), cases(43))
async def test_43_a_request_that_the_provider_refuses(fault: Fault, wire: Wire, door: Door) -> None:
    await every_client_is_told(fault, wire, door)
