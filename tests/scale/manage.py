"""manage.py of a platform on this machine whose records alone lie in DynamoDB, as AWS_ENDPOINT_URL_DYNAMODB says.

Each of its web processes appends to NOTES what every request asked of DynamoDB, one JSON object a line.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeAlias

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "foundation.configuration")

from celery.signals import task_postrun, task_prerun  # noqa: E402
from django.core.management import execute_from_command_line  # noqa: E402

from foundation import adapters  # noqa: E402
from foundation.adapters.aws import records  # noqa: E402
from foundation.settings import CHOSEN  # noqa: E402

DISTANCE: float = 0.05  # seconds by which answers come later, so that what is asked at the same time is seen to overlap
Application: TypeAlias = Callable[[Any, Any, Any], Any]

asked: ContextVar[list[dict[str, Any]] | None] = ContextVar("asked", default=None)


def watched(store: records.DynamoRecords) -> records.DynamoRecords:
    """The store, with each of its calls noted in what is asked at that moment."""
    events = store.client.meta.events
    events.register("provide-client-params.dynamodb", lambda params, **_: {**params, "ReturnConsumedCapacity": "TOTAL"})
    events.register("before-parameter-build.dynamodb", wanted)
    events.register("before-call.dynamodb", begin)
    events.register("after-call.dynamodb", end)
    return store


def wanted(params: Any, model: Any, context: Any, **_: Any) -> None:
    """What DynamoDB Local does not say right: a query that finds nothing costs the least of its kind of read, and in a
    transaction each record of a table counts."""
    context["least"] = (1.0 if params.get("ConsistentRead") else 0.5) if model.name == "Query" else 0.0
    together = [part for each in params.get("TransactItems", ()) for part in each.values()]
    context["many"] = Counter(part["TableName"] for part in together)


def begin(model: Any, context: Any, **_: Any) -> None:
    """A call goes out."""
    call = {"verb": model.name, "tables": [], "units": 0.0, "begun": time.monotonic(), "ended": 0.0}
    context["asked"] = call
    noted = asked.get()
    if noted is not None:
        noted.append(call)


def end(parsed: Any, context: Any, **_: Any) -> None:
    """Its answer is here. A write in a transaction costs two; DynamoDB Local counts four, and those of one table once."""
    call = context["asked"]
    consumed = parsed.get("ConsumedCapacity", [])
    for each in consumed if isinstance(consumed, list) else [consumed]:
        many = context["many"].get(each["TableName"])
        call["units"] += each["CapacityUnits"] / 2 * many if many else each["CapacityUnits"]
        call["tables"].append(each["TableName"].removeprefix(f"{CHOSEN.deployment}-"))
    call["units"] = max(call["units"], context["least"])
    time.sleep(DISTANCE)
    call["ended"] = time.monotonic()
    if asked.get() is None:
        note("behind", "", 0, [call])


def note(kind: str, name: str, status: int, calls: Any) -> None:
    """A line of NOTES."""
    with Path(os.environ["NOTES"]).open("a") as file:
        file.write(json.dumps({"kind": kind, "name": name, "status": status, "calls": calls}) + "\n")


def noted(application: Application) -> Application:
    """The application, with a note of each of its requests."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        calls: list[dict[str, Any]] = []
        status = 0

        async def tell(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        if scope["type"] == "http":
            asked.set(calls)
            await application(scope, receive, tell)
            note("request", f"{scope['method']} {scope['path']}", status, calls)
        else:
            await application(scope, receive, send)

    return answer


def main() -> None:
    """What manage.py does, on those records."""
    adapters.records = watched(records.adapter(CHOSEN))
    if sys.argv[1] == "web":
        from foundation.management.commands import web

        plain = web.Server.load
        web.Server.load = lambda server: noted(plain(server))
    if sys.argv[1] == "worker":
        task_prerun.connect(lambda **_: asked.set([]), weak=False)
        task_postrun.connect(lambda task, state, **_: note("message", task.name, state == "SUCCESS", asked.get()), weak=False)
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
