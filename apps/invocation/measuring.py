"""Measures the request of a call before what it may use is reserved: exactly where the model runs on this machine, whose
tokenizer is at hand, else at the most."""

import asyncio

from apps.invocation.adapters import ENGINES, provider
from apps.invocation.calls import Call
from apps.invocation.ports import CountsTokens
from apps.invocation.sizes import Size, is_large, size_of
from foundation.errors import Problem


async def measure(call: Call) -> None:
    """Set call.size. What takes long is done beside the event loop; a count that fails leaves the call to be tried."""
    request, model = call.request, call.by
    if is_large(request):
        call.size = await asyncio.to_thread(size_of, request, call.asked.kind)
        return
    if model.provider in ENGINES and not (model.deployments or model.fallbacks):
        runs = provider(model.placements[0].connection)
        try:
            counted = await runs.count(request) if isinstance(runs, CountsTokens) else None
        except Problem:
            counted = None
        if counted is not None:
            call.size = Size(counted, 0, counted, exact=True)
            return
    call.size = size_of(request, call.asked.kind)
