"""What queues in SQS promise beyond the port, on ElasticMQ: what is held, what SQS itself gives up, what a look leaves."""

import threading
from typing import Any

import pytest

from foundation import messages
from foundation.adapters.aws.messages import LARGEST, LONGEST_HOLD, Held, Messages
from foundation.adapters.aws.queue_shape import most_deliveries
from foundation.adapters.aws.queues import SqsQueues
from foundation.errors import Problem, Unavailable
from foundation.manifest import Queue, minutes
from tests.running import wait_for
from tests.servers.elasticmq import ElasticMq, free_port

WORK = Queue("work", minutes(2 / 60), 3)


@pytest.fixture
def queues(elasticmq: ElasticMq) -> SqsQueues:
    return elasticmq.queues(WORK)


def test_a_message_that_is_held_and_extended_stays_hidden_longer_than_its_queue_says(queues: SqsQueues) -> None:
    queues.send("cut", queue="work", file="a")
    held = queues.messages.receive("work", 1)
    begun = queues.messages.clock()

    def is_past() -> bool:
        queues.messages.extend(held)
        assert queues.messages.receive("work", 1) == []
        return queues.messages.clock() - begun > 3

    wait_for(is_past, every=0.5)
    queues.bury(held[0].receipt, "still ours")
    assert queues.depth("work").dead == 1


def test_a_hold_is_not_extended_for_ever(elasticmq: ElasticMq) -> None:
    made, moment = elasticmq.queues(WORK).messages, [0.0]
    stopped = Messages(made.client, made.deployment, [WORK], clock=lambda: moment[0])
    stopped.put("work", messages.written("cut", {}))
    held = stopped.receive("work", 1)
    stopped.extend(held)
    stopped.held[held[0].receipt] = Held(held[0], -LONGEST_HOLD, 2.0)
    moment[0] = 1.0
    stopped.extend(held)
    assert stopped.held[held[0].receipt].until == 2.0


def test_a_pause_that_is_longer_than_sqs_hides_a_message_is_as_long_as_it_may_be(queues: SqsQueues) -> None:
    asked: list[int] = []

    def note(params: dict[str, Any], **others: object) -> None:
        asked.extend(entry["VisibilityTimeout"] for entry in params["Entries"])

    queues.messages.client.meta.events.register("provide-client-params.sqs.ChangeMessageVisibilityBatch", note)
    queues.send("cut", queue="work", file="a")
    (held,) = queues.messages.receive("work", 1)
    queues.postpone(held.receipt, 10 * LONGEST_HOLD)
    assert LONGEST_HOLD - 300 < asked[0] < LONGEST_HOLD  # SQS would refuse more; the server that stands for it does not
    assert queues.depth("work").in_flight == 1


def test_what_sqs_itself_gave_up_is_listed_with_a_reason_and_redriven(queues: SqsQueues) -> None:
    queues.send("cut", queue="work", file="a")
    seen: list[int] = []

    def is_dead() -> bool:
        for each in queues.messages.receive("work", 1):
            seen.append(each.deliveries)
            queues.postpone(each.receipt, 0)
        return queues.depth("work").dead == 1

    wait_for(is_dead, every=0)
    assert seen == [*range(1, most_deliveries(WORK) + 1)] and len(seen) > 10 * WORK.attempts
    (letter,) = queues.dead("work").items
    assert (letter.task, letter.ids, letter.deliveries) == ("cut", {"file": "a"}, len(seen))
    assert "SQS gave it up" in letter.reason
    assert queues.redrive("work", letter.id) == 1
    assert [each.deliveries for each in queues.messages.receive("work", 1)] == [1]


def test_a_look_at_the_dead_letters_leaves_every_one_for_the_next(queues: SqsQueues) -> None:
    for number in range(25):
        queues.send("cut", queue="work", file=str(number))
        (received,) = queues.messages.receive("work", 1)
        queues.bury(received.receipt, "broken")
    for _ in range(2):
        listed = queues.dead("work").items
        assert sorted(int(letter.ids["file"]) for letter in listed) == list(range(25))
    assert queues.redrive("work") == 25
    assert queues.depth("work").waiting == 25


def test_a_message_of_any_form_can_be_buried_with_any_reason(queues: SqsQueues) -> None:
    for body in (
        "not a message",
        "x" * (LARGEST + 5000),
        messages.written("", {}),
        messages.written("cut", {"ü": "\x00" * 2000}),
    ):
        queues.messages.put("work", body)
        (received,) = queues.messages.receive("work", 1)
        queues.bury(received.receipt, "\x00a reason\nwith \ud800 all kinds of letters " + "ä" * 5000)
    assert queues.depth("work").dead == 4
    assert all("a reason" in letter.reason for letter in queues.dead("work").items)


def test_what_a_console_shows_of_a_dead_letter_says_what_it_was(queues: SqsQueues) -> None:
    queues.send("cut", queue="work", file="a")
    queues.bury(queues.messages.receive("work", 1)[0].receipt, "KeyError: pages")
    found = queues.messages.client.receive_message(
        QueueUrl=queues.messages.url("work", dead=True), MessageAttributeNames=["All"]
    )["Messages"][0]["MessageAttributes"]
    assert {name: each["StringValue"] for name, each in found.items()} == {
        "Reason": "KeyError: pages",
        "Task": "cut",
        "Ids": '{"file": "a"}',
        "Deliveries": "1",
    }


def test_threads_that_finish_at_once_finish_every_message(queues: SqsQueues) -> None:
    for number in range(30):
        queues.send("cut", queue="work", file=str(number))
    held = [each for _ in range(3) for each in queues.messages.receive("work", 10)]
    threads = [threading.Thread(target=queues.messages.dispose, args=([each.receipt],)) for each in held]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) == 30 and queues.messages.held == {}
    depth = queues.depth("work")
    assert depth.waiting + depth.in_flight == 0


def test_a_deployment_without_the_queue_is_said_so_and_not_tried_again(elasticmq: ElasticMq) -> None:
    nowhere = elasticmq.queues(WORK, deployment="nowhere")
    with pytest.raises(Problem, match="nowhere-work") as refused:
        nowhere.send("cut", queue="work", file="a")
    assert not refused.value.retryable


def test_a_server_that_is_away_is_unavailable(elasticmq: ElasticMq) -> None:
    away = elasticmq.queues(WORK, door=free_port(), deployment="anything")
    with pytest.raises(Unavailable) as refused:
        away.send("cut", queue="work", file="a")
    assert refused.value.retry_after
