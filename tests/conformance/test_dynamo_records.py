"""What the store in DynamoDB promises besides: what becomes of AWS's refusals and silences, and what it asks of DynamoDB."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from msgspec.structs import replace

from apps.invocation.records import AsyncInvocation, CachedAnswer
from apps.usage.records import Content, Invocation
from deploy.cloudformation import grants
from foundation.adapters.aws.names import table_name
from foundation.adapters.aws.records import DynamoRecords
from foundation.adapters.aws.tables import place_of, table_of
from foundation.ambient import new_id
from foundation.errors import Conflict, Invalid, Problem, TooLarge, Unavailable
from foundation.records import ANY, Record, update
from tests.conformance.shapes import Event, Guest, Note, Parcel
from tests.conformance.stores import noise
from tests.conftest import free_port
from tests.servers.dynamo_front import LOST, DynamoFront, in_front_of
from tests.servers.dynamodb import CREDENTIALS, REGION, Dynamo

THROTTLED = "ProvisionedThroughputExceededException"
CONFLICT = "TransactionConflictException"
VERBS = {
    "get": lambda records: records.get(Note, "a", "n"),
    "put": lambda records: records.put(Note("a", "new")),
    "overwrite": lambda records: records.put(Note("a", "n"), expect=ANY),
    "delete": lambda records: records.delete(Note, "a", "n"),
    "query": lambda records: records.query(Note, "a"),
    "index": lambda records: records.query(Note, "a", index="by_written"),
    "increment": lambda records: records.increment(Note, "a", "n", by={"amount": 1}),
    "count": lambda records: records.increment(Note, "a", "n", by={"amount": 1}, once="token"),
    "add": lambda records: records.add([Note("a", "first"), Note("a", "second")]),
    "batch": lambda records: records.batch([Note("a", "first"), Note("a", "second")]),
    "remove": lambda records: records.remove([Note("a", "n")], same=["rank"]),
}


def many(records: DynamoRecords) -> None:
    """So many tokens that they do not stay on the record."""
    for number in range(30):
        records.increment(Note, "a", "n", by={"amount": 1}, once=f"{number}")


GRANTED = {  # as the grants name verbs, and what of each asks for different things
    "get": [VERBS["get"]],
    "put": [VERBS["put"], VERBS["overwrite"]],
    "update": [lambda records: update(records, Note, "a", "n", change=lambda note: replace(note, amount=9))],
    "delete": [VERBS["delete"]],
    "query": [VERBS["query"], VERBS["index"]],
    "increment": [VERBS["increment"]],
    "increment once": [VERBS["count"], many],
    "increment initial": [
        lambda records: records.increment(Note, "a", "other", by={"amount": 1}, initial=Note("a", "other")),
    ],
    "add": [VERBS["add"]],
    "batch": [VERBS["batch"]],
    "remove": [VERBS["remove"]],
}
TOGETHER = {  # a transaction needs what its parts need
    "add": ("PutItem",),
    "batch": ("PutItem", "UpdateItem"),
    "remove": ("DeleteItem",),
}


@pytest.fixture
def front(dynamo: Dynamo) -> Iterator[DynamoFront]:
    with in_front_of(dynamo.url) as door:
        yield door


@pytest.fixture
def records(front: DynamoFront, tables: str) -> DynamoRecords:
    found = DynamoRecords(reaching(front.url), tables)
    found.put(Note("a", "n"))
    front.asked.clear()
    return found


def reaching(url: str) -> Any:
    return boto3.session.Session(*CREDENTIALS.values()).client(
        "dynamodb",
        region_name=REGION,
        endpoint_url=url,
        config=Config(retries={"mode": "standard", "max_attempts": 3}, connect_timeout=1, read_timeout=10),
    )


def item_of(dynamo: Dynamo, deployment: str, kind: type[Record], group: str, place: str) -> Any:
    key = {"pk": {"S": group}, "sk": {"S": place}}
    return dynamo.client.get_item(TableName=table_name(deployment, kind), Key=key)["Item"]


class TestRefusals:
    @pytest.mark.parametrize("verb", ["get", "put", "count", "add", "batch", "remove"])
    def test_without_throughput_it_is_unavailable_and_says_when_to_come_again(
        self, records: DynamoRecords, front: DynamoFront, verb: str
    ) -> None:
        front.plan.extend([THROTTLED] * 10)
        with pytest.raises(Unavailable) as refused:
            VERBS[verb](records)
        assert refused.value.retry_after
        assert len(front.asked) == 4

    @pytest.mark.parametrize("verb", VERBS)
    def test_throttling_that_ends_soon_is_not_noticed(self, records: DynamoRecords, front: DynamoFront, verb: str) -> None:
        front.plan.append(THROTTLED)
        VERBS[verb](records)
        assert len(front.asked) == 2

    @pytest.mark.parametrize("verb", VERBS)
    def test_where_nobody_listens_it_is_unavailable(self, verb: str) -> None:
        with pytest.raises(Unavailable) as refused:
            VERBS[verb](DynamoRecords(reaching(f"http://127.0.0.1:{free_port()}"), "test"))
        assert refused.value.retry_after

    def test_a_right_that_is_missing_is_no_reason_to_come_again(self, records: DynamoRecords, front: DynamoFront) -> None:
        front.plan.append("AccessDeniedException")
        with pytest.raises(Problem, match="AccessDenied") as refused:
            records.get(Note, "a", "n")
        assert not refused.value.retryable

    @pytest.mark.parametrize("verb", ["put", "overwrite", "delete", "increment", "count"])
    def test_a_transaction_at_work_on_the_record_is_waited_for(
        self, records: DynamoRecords, front: DynamoFront, verb: str
    ) -> None:
        front.plan.extend([CONFLICT] * 4)
        VERBS[verb](records)
        assert len(front.asked) == 5

    def test_batches_that_meet_are_made_one_after_the_other(self, records: DynamoRecords, front: DynamoFront) -> None:
        front.plan.extend(["cancelled:None,TransactionConflict"] * 3)
        records.batch([Note("a", "first"), Note("a", "second")])
        front.plan.append("cancelled:None,ThrottlingError")
        with pytest.raises(Unavailable):
            records.batch([Note("a", "third"), Note("a", "fourth")])
        front.plan.append("cancelled:ValidationError,None")
        with pytest.raises(Problem) as refused:
            records.batch([Note("a", "third"), Note("a", "fourth")])
        assert not refused.value.retryable


class TestLostAnswers:
    """DynamoDB did it, the answer was an error, and AWS's client asked again."""

    @pytest.fixture(autouse=True)
    def lost(self, records: DynamoRecords, front: DynamoFront) -> None:
        front.plan.append(LOST)

    def test_a_new_record_is_stored_and_no_conflict(self, records: DynamoRecords) -> None:
        assert records.put(Note("a", "new", rank=1)) == Note("a", "new", rank=1, revision=1)

    def test_a_changed_record_is_stored_and_no_conflict(self, records: DynamoRecords) -> None:
        assert records.put(Note("a", "n", rank=1, revision=1)) == Note("a", "n", rank=1, revision=2)
        assert records.get(Note, "a", "n") == Note("a", "n", rank=1, revision=2)

    def test_a_stale_record_is_a_conflict(self, records: DynamoRecords) -> None:
        with pytest.raises(Conflict):
            records.put(Note("a", "n", rank=1, revision=7))

    def test_a_token_counts_once(self, records: DynamoRecords) -> None:
        assert records.increment(Note, "a", "n", by={"amount": 1}, once="token").amount == 1

    def test_what_is_added_is_there(self, records: DynamoRecords) -> None:
        records.add([Note("a", "first"), Note("a", "n", rank=1)])
        assert records.get(Note, "a", "first") == Note("a", "first", revision=1)
        assert records.get(Note, "a", "n") == Note("a", "n", revision=1)

    def test_a_batch_is_put_and_no_conflict(self, records: DynamoRecords) -> None:
        records.batch([Note("a", "first"), Note("a", "n", rank=1, revision=1)])
        assert records.get(Note, "a", "n") == Note("a", "n", rank=1, revision=2)

    def test_what_was_removed_is_gone_and_no_conflict(self, records: DynamoRecords) -> None:
        records.remove([Note("a", "n", revision=1)], same=["revision"])
        assert records.get(Note, "a", "n") is None


class TestWhatIsAsked:
    @pytest.mark.parametrize("verb", VERBS)
    def test_every_verb_is_one_request(self, records: DynamoRecords, front: DynamoFront, verb: str) -> None:
        VERBS[verb](records)
        assert len(front.asked) == 1
        assert front.asked[0] in ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "TransactWriteItems")

    def test_those_that_are_there_already_cost_one_request_more_for_each_hundred(
        self, records: DynamoRecords, front: DynamoFront
    ) -> None:
        notes = [Note("a", f"{number:03}") for number in range(250)]
        records.add(notes[::2])
        assert front.asked == ["TransactWriteItems"] * 2
        front.asked.clear()
        records.add(notes)
        assert front.asked == ["TransactWriteItems"] * 6
        assert len(records.query(Note, "a", limit=1000).items) == 251

    def test_what_is_added_goes_in_transactions_of_4_mb(self, records: DynamoRecords, front: DynamoFront) -> None:
        records.add(dozen())
        assert front.asked == ["TransactWriteItems"] * 2

    def test_a_token_is_two_requests_once_many_were_counted(self, records: DynamoRecords, front: DynamoFront) -> None:
        for number in range(30):
            records.increment(Note, "a", "n", by={"amount": 1}, once=f"{number}")
        front.asked.clear()
        records.increment(Note, "a", "n", by={"amount": 1}, once="another")
        assert front.asked == ["GetItem", "UpdateItem"]

    def test_many_that_count_on_one_record_at_once_hardly_repeat(self, records: DynamoRecords, front: DynamoFront) -> None:
        with ThreadPoolExecutor(50) as workers:
            list(workers.map(lambda each: records.increment(Note, "a", "n", by={"amount": 1}, once=f"{each}"), range(200)))
        found = records.get(Note, "a", "n")
        assert found is not None and found.amount == 200
        assert len(front.asked) < 200 * 8

    @pytest.mark.parametrize("verb", GRANTED)
    def test_a_role_has_a_grant_for_what_a_verb_asks_and_no_other(
        self, records: DynamoRecords, front: DynamoFront, verb: str
    ) -> None:
        asked: set[str] = set()
        for ask in GRANTED[verb]:
            records.put(Note("a", "n"), expect=ANY)
            front.asked.clear()
            ask(records)
            asked.update(part for each in front.asked for part in (TOGETHER[verb] if each == "TransactWriteItems" else (each,)))
        needed = {action for action, verbs in grants.RECORDS.items() if verbs & {verb, verb.partition(" ")[0]}}
        assert {f"dynamodb:{each}" for each in asked} == needed


class TestItems:
    def test_a_record_does_not_grow_by_what_is_counted_on_it(self, dynamo: Dynamo, tables: str) -> None:
        records = DynamoRecords(dynamo.client, tables)
        records.put(Parcel("a", "n", whole=0, parts=("x" * 2000,) * 203))
        for number in range(80):
            records.increment(Parcel, "a", "n", by={"whole": 1}, once=f"{number}")
        item = item_of(dynamo, tables, Parcel, "=a", "=n")
        assert len(item["recent"]["SS"]) < 25

    def test_what_expires_has_a_time_to_live_that_is_not_before_it(self, dynamo: Dynamo, tables: str) -> None:
        records = DynamoRecords(dynamo.client, tables)
        until = datetime(2036, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
        stored = records.put(Guest("a", "g", until))
        assert int(item_of(dynamo, tables, Guest, "=a", "=g")["ttl"]["N"]) == int(until.timestamp()) + 1
        records.put(replace(stored, until=None))
        assert "ttl" not in item_of(dynamo, tables, Guest, "=a", "=g")

    def test_markers_of_tokens_go_by_themselves_and_are_in_no_list(self, dynamo: Dynamo, tables: str) -> None:
        records = DynamoRecords(dynamo.client, tables)
        for number in range(60):
            records.increment(Note, "a", "n", by={"amount": 1}, once=f"{number}", initial=Note("a", "n"))
        items = dynamo.client.scan(TableName=table_name(tables, Note))["Items"]
        lives = [float(item["ttl"]["N"]) - datetime.now(UTC).timestamp() for item in items if "revision" not in item]
        assert len(lives) == 50
        assert all(timedelta(days=59).total_seconds() < life for life in lives)

    def test_a_long_text_is_compressed(self, dynamo: Dynamo, tables: str) -> None:
        records = DynamoRecords(dynamo.client, tables)
        text = "the same again " * 100_000
        records.put(Parcel("a", "n", text))
        assert len(item_of(dynamo, tables, Parcel, "=a", "=n")["text"]["B"]) < 10_000
        assert records.get(Parcel, "a", "n") == Parcel("a", "n", text, revision=1)

    def test_what_is_larger_than_an_item_is_too_large(self, dynamo: Dynamo, tables: str) -> None:
        records = DynamoRecords(dynamo.client, tables)
        for refused in (lambda: records.put(Parcel("a", "n", noise(600_000))), lambda: records.batch(dozen())):
            with pytest.raises(TooLarge, match="bytes"):
                refused()
        assert records.query(Parcel, "a").items == ()

    @pytest.mark.parametrize(
        "wrong", [{"whole": 10**38}, {"broken": float("inf")}, {"broken": float("nan")}, {"broken": 1e-200}]
    )
    def test_a_number_beyond_what_dynamodb_holds_is_refused(self, dynamo: Dynamo, tables: str, wrong: Any) -> None:
        with pytest.raises(Invalid):
            DynamoRecords(dynamo.client, tables).put(Parcel("a", "n", **wrong))

    def test_a_spread_group_lies_in_several_partitions(self, dynamo: Dynamo, tables: str) -> None:
        records = DynamoRecords(dynamo.client, tables)
        for number in range(20):
            records.put(Event("a", f"{number}"))
        items = dynamo.client.scan(TableName=table_name(tables, Event))["Items"]
        assert {item["pk"]["S"] for item in items} == {"0=a", "1=a", "2=a"}


@pytest.mark.parametrize("kind", [Invocation, Content, AsyncInvocation, CachedAnswer])
def test_what_an_application_has_most_of_is_spread_evenly_over_partitions(kind: type[Record]) -> None:
    table = table_of(kind)
    shares = Counter(place_of(table, ("an application", new_id()))["pk"] for _ in range(4_000)).values()
    assert len(shares) == table.spread > 1
    assert max(shares) < 1.2 * 4_000 / table.spread


def dozen() -> list[Parcel]:
    """Records that are too many bytes for one transaction."""
    return [Parcel("a", f"{number}", noise(450_000)) for number in range(12)]
