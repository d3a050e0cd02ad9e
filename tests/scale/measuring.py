"""What every endpoint of the contract asks of DynamoDB: one walk over all of them, on DynamoDB Local, one after the other."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import requests

from foundation.adapters.aws.records import DynamoRecords
from foundation.apps import Foundation
from foundation.settings import HOUSE
from tests.conftest import free_port
from tests.contract.document import rows
from tests.contract.flow import Flow
from tests.portal.visitor import CookieClient, signed_in
from tests.running import Api, Platform, wait_for
from tests.scale.further import FURTHER, FURTHER_CALLS, batches, refused, removed_with_indexes, started_while_others_wait
from tests.servers.dynamodb import Dynamo, dynamodb

DEPLOYMENT: Final = "measured"
SPREAD: Final = {kind.kind.table for each in HOUSE.capabilities for kind in each.manifest.records if kind.kind.spread > 1}
KEPT: Final = (
    "policies",
    "catalogue",
    "api_key_holders",
    "api_keys",
    "extraction_lines",
)  # tables whose records a process keeps for 5 seconds
READS: Final = ("GetItem", "Query")
ELSEWHERE: Final = ("/oauth2", "/login", "/logout")  # Cognito's on AWS
PLACE: Final = re.compile(r"\\\{[^}]+\\\}")
CHAT: Final = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 5}
CALLS: Final = 16 + FURTHER_CALLS  # model calls of the walk, the refused ones too
METRICS: Final = ("invocations", "extraction-jobs", "chunking-jobs", "vectorization-jobs", "vector-stores")
GATEWAY: Final = (
    ("/v1/chat/completions", CHAT),
    ("/v1/responses", {"model": CHAT["model"], "input": "Say hello.", "max_output_tokens": 16}),
    ("/v1/messages", CHAT),
    ("/v1/messages/count_tokens", {"model": CHAT["model"], "messages": CHAT["messages"]}),
    ("/v1/embeddings", {"model": "all-minilm-l6-v2", "input": "hello"}),
)


class OnDynamo(Platform):
    """The whole platform, with its records in DynamoDB and all else on this machine."""

    program = "tests/scale/manage.py"

    def __init__(self, folder: Path, server: Dynamo) -> None:
        one_message_at_a_time = {"WORKER_CONCURRENCY": "1"}
        own = {"DEPLOYMENT": DEPLOYMENT, "NOTES": str(folder / "notes"), **one_message_at_a_time}
        super().__init__(folder / "home", free_port(), **server.environment, **own)
        self.records = DynamoRecords(server.client, DEPLOYMENT)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to DynamoDB: the tables that it was about, the units that it consumed, from when to when it was under way."""

    verb: str
    tables: tuple[str, ...]
    units: float
    begun: float
    ended: float

    @property
    def is_kept(self) -> bool:
        """Whether what it reads is then in memory for a while."""
        return self.verb in READS and set(self.tables) <= set(KEPT)


def call_of(noted: Mapping[str, Any]) -> Call:
    """A request as it was noted. In which of its partitions a record lies is chance, so a list of each is taken as short."""
    call = Call(**{**noted, "tables": tuple(noted["tables"])})
    return replace(call, units=0.5) if call.verb == "Query" and SPREAD.intersection(call.tables) else call


@dataclass(frozen=True, slots=True)
class Note:
    """What one request or message asked for, or what was asked behind all of them."""

    kind: str
    name: str
    status: int
    calls: tuple[Call, ...]

    @property
    def own(self) -> tuple[Call, ...]:
        """Its calls but for those whose answers are kept in memory."""
        return tuple(call for call in self.calls if not call.is_kept)


@dataclass(frozen=True, slots=True, order=True)
class Cost:
    """Round trips to DynamoDB, one after the other, in how many requests, and the read and write units that they consume."""

    trips: int
    requests: int
    reads: float
    writes: float


def cost(calls: Sequence[Call]) -> Cost:
    """What calls cost together."""
    reads = sum(call.units for call in calls if call.verb in READS)
    return Cost(trips(calls), len(calls), reads, sum(call.units for call in calls) - reads)


def trips(calls: Sequence[Call]) -> int:
    """How often one had to wait for another: requests that begin before any of them has ended are one round trip."""
    count, first_end = 0, float("-inf")
    for call in sorted(calls, key=lambda call: call.begun):
        if call.begun >= first_end:
            count, first_end = count + 1, call.ended
        first_end = min(first_end, call.ended)
    return count


@contextmanager
def running(folder: Path) -> Iterator[OnDynamo]:
    """The platform for the length of the block; it writes to `notes` in the folder."""
    kinds = [*Foundation.records, *(kind for each in HOUSE.capabilities for kind in each.manifest.records)]
    with dynamodb(free_port(), folder / "dynamodb.log") as server, server.tables(DEPLOYMENT, kinds):
        platform = OnDynamo(folder, server)
        platform.start()
        try:
            yield platform
        finally:
            platform.stop()


def measured(folder: Path) -> tuple[Note, ...]:
    """Every note of the walk."""
    with running(folder) as platform:
        made = platform.create_application("first")
        api = platform.api(made)
        flow = Flow(api)
        flow.run()
        for path, body in GATEWAY:
            assert api.post(path, body).status_code == 200, path
        by_key(platform, made["app_id"])
        removed_with_indexes(api)
        batches(api, platform.records, made["app_id"])
        refused(api)
        second = platform.create_application("second")
        started_while_others_wait(platform.api(second), platform.records, second["app_id"])
        wait_for(lambda: len(api.ok("GET", "/usage/calls?start_date=2020-01-01&end_date=2100-01-01")) == CALLS)
        for name in ("model", "document", "vector", "prompt", "chunking", "vectorization", "usage"):
            assert api.get(f"/{name}/service/meta").status_code == 200, name
        administration(platform, api, made["app_id"])
    lines = [json.loads(line) for line in (folder / "notes").read_text().splitlines()]
    return tuple(
        Note(
            each["kind"],
            each["name"],
            each["status"],
            tuple(map(call_of, each["calls"])),
        )
        for each in lines
    )


def by_key(platform: Platform, application: str) -> None:
    """A call with an API key in place of a token."""
    key = json.loads(platform.manage("keys", "create", application, "--json"))["key"]
    assert Api(platform.url, key).get("/v1/models").status_code == 200


def administration(platform: Platform, api: Api, application: str) -> None:
    """What the original's portal asks for."""
    visitor = signed_in(platform)
    token = visitor.access_token()
    bearer = {"Authorization": f"Bearer {token}"}
    assert requests.post(f"{platform.url}/admin/set_cookie", headers=bearer, timeout=30).status_code == 200
    assert requests.get(f"{platform.url}/admin/unset_cookie", timeout=30).status_code == 200
    client = CookieClient(visitor.url, token)
    asked: list[tuple[str, Mapping[str, str] | None]] = [
        ("auth/status", None),
        ("platform/openapi.json", None),
        ("platform/services/health", None),
        ("platform/create_app_client", {"app_name": "other", "description": "A test."}),
        ("platform/get_all_app_clients", None),
        ("platform/deactivate_app_client", {"app_id": application}),
        ("platform/activate_app_client", {"app_id": application}),
    ]
    asked += [(f"metrics/{name}", {"app_id": application}) for name in METRICS]
    store = {"store_name": "s", "store_type": "opensearchserverless", "description": "d", "tags": []}
    made = api.ok("POST", "/vector/store/create", store)["store_id"]
    asked += [("metrics/vector-indexes", {"app_id": application, "vector_store_id": made})]
    for name, body in asked:
        answer = client.get(f"/admin/{name}") if body is None else client.post(f"/admin/{name}", body)
        assert answer.status_code == 200, f"{name}: {answer.text}"


def endpoints(notes: Sequence[Note]) -> Mapping[str, Cost]:
    """The most that a successful request of each endpoint costs, by its line in docs/contract.md; then the gateway's."""
    names = [f"{row.method} {row.path}" for row in rows() if not row.path.startswith(ELSEWHERE)]
    names += [*(f"POST {path}" for path, _ in GATEWAY), "GET /v1/models", *FURTHER]
    found: dict[str, Cost] = {}
    for name in names:
        pattern = re.compile(PLACE.sub("[^/]+", re.escape(name)))
        costs = [cost(note.own) for note in notes if pattern.fullmatch(note.name) and 200 <= note.status < 300]
        if costs:
            found[name] = max(costs, key=lambda each: (each.trips, each.writes, each))
    return found


def messages(notes: Sequence[Note]) -> Mapping[str, Cost]:
    """The least that a message of each kind costs which finds something to do: nobody else changed its job at the same time."""
    done = [note for note in notes if note.kind == "message" and note.status and cost(note.own).writes]
    return {name: min(cost(note.own) for note in done if note.name == name) for name in sorted({note.name for note in done})}


def account(notes: Sequence[Note]) -> float:
    """The write units of one model call's own row, which follows its answer."""
    return (
        sum(call.units for note in notes for call in note.calls if call.tables == ("invocations",) and call.verb not in READS)
        / CALLS
    )


def kept(notes: Sequence[Note]) -> Mapping[str, float]:
    """The read units of what a process keeps for 5 seconds, by table."""
    calls: list[Call] = [call for note in notes for call in note.calls if call.is_kept]
    return {table: max(call.units for call in calls if table in call.tables) for table in KEPT}


def verbs(notes: Sequence[Note]) -> set[Any]:
    """Every verb that was used."""
    return {call.verb for note in notes for call in note.calls}
