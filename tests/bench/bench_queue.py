"""Messages a second through the queue: sent durably, and worked on by one worker process; medians of three runs.

Run: `python -m tests.bench.bench_queue [messages]`. Fails when a message is lost or done twice.
"""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median

from tests.foundation.staging import Stage
from tests.running import wait_for

RUNS = 3
THREADS = 2


def run(home: Path, messages: int) -> tuple[float, float]:
    """Messages sent a second, and tasks done a second from the first one on."""
    stage = Stage(home)
    begin = time.perf_counter()
    for number in range(messages):
        stage.send("note", str(number))
    sent = time.perf_counter() - begin
    stage.worker(THREADS)
    wait_for(lambda: stage.queues.depth("rehearsal").waiting < messages, every=0.002)
    begin, there = time.perf_counter(), stage.queues.depth("rehearsal").waiting
    wait_for(stage.is_empty, 120, every=0.01)
    worked = time.perf_counter() - begin
    stage.close()
    if Counter(stage.diary) != {f"note {number}": 1 for number in range(messages)}:
        sys.exit("messages were lost or done twice")
    return messages / sent, there / worked


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    with tempfile.TemporaryDirectory() as folder:
        runs = [run(Path(folder) / str(number), messages) for number in range(RUNS)]
    sent, worked = (median(column) for column in zip(*runs, strict=True))
    print(f"queue: {sent:,.0f} messages/s sent durably, {worked:,.0f} tasks/s in {THREADS} threads of one worker, none lost")


if __name__ == "__main__":
    main()
