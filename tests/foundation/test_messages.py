"""What messages in SQLite promise beyond the port: held ones are extended, and what the dead held is given out again."""

import subprocess
import sys
from pathlib import Path

from foundation.adapters.embedded.messages import LONGEST_HOLD, Messages
from foundation.adapters.embedded.receivers import is_gone, receiver
from foundation.manifest import Queue, minutes
from tests.running import ROOT

QUEUES = (Queue("work", minutes(1), 3),)
RECEIVE_AND_STAY = """
import sys; sys.path[:0] = ["platform", "."]
from pathlib import Path
from foundation.adapters.embedded.messages import Messages
from foundation.manifest import Queue, minutes
Messages(Path(sys.argv[1]), [Queue("work", minutes(1), 3)]).receive(["work"], 1)
print("received", flush=True)
sys.stdin.read()
"""


def test_what_a_killed_process_held_is_visible_at_once_and_what_a_living_one_holds_is_not(tmp_path: Path) -> None:
    store = Messages(tmp_path / "queues.db", QUEUES)
    store.put("work", "a")
    holder = subprocess.Popen(
        [sys.executable, "-c", RECEIVE_AND_STAY, str(store.safe.path)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout is not None and holder.stdout.readline() == "received\n"
    assert store.release_orphans() == 0 and store.receive(["work"], 1) == []
    holder.kill()
    holder.wait()
    assert store.release_orphans() == 1
    (again,) = store.receive(["work"], 1)
    assert again.deliveries == 2


def test_a_process_of_another_machine_or_container_is_never_said_to_be_gone() -> None:
    place, process, started = receiver().rsplit(" ", 2)
    assert is_gone(f"{place} {process} {int(started) + 1}")
    assert not is_gone(f"elsewhere {process} {int(started) + 1}")
    assert not is_gone("? 1 ?")
    assert not is_gone(receiver())


def test_an_extended_message_stays_hidden_but_not_for_ever(tmp_path: Path) -> None:
    moment = [1_000_000.0]
    store = Messages(tmp_path / "queues.db", QUEUES, clock=lambda: moment[0])
    store.put("work", "a")
    held = store.receive(["work"], 1)
    moment[0] += 50
    store.extend(held)
    moment[0] += 50
    assert store.receive(["work"], 1) == []
    moment[0] += LONGEST_HOLD
    store.extend(held)
    assert len(store.receive(["work"], 1)) == 1


def test_a_full_worker_takes_no_more_than_it_has_room_for_and_earlier_messages_first(tmp_path: Path) -> None:
    store = Messages(tmp_path / "queues.db", QUEUES)
    for name in "abc":
        store.put("work", name)
    assert [each.body for each in store.receive(["work"], 2)] == ["a", "b"]
