"""A crowd of clients that costs little: each sends the same request again and again on its own connection.

`python -m tests.bench.gateway.load '{"port": ..., "path": ..., "headers": {...}, "body": {...}, "clients": 16, "seconds": 5}'`
prints one JSON object. With `"requests": N` it ends after that many instead; with `"late": true` it measures how much
later than they were sent the events of slow streams arrive.
"""

import asyncio
import json
import re
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import uvloop

SENT_AT = re.compile(rb"at (\d+\.\d+)")


@dataclass
class Crowd:
    """What all clients share."""

    wanted: dict[str, Any]
    begun: int = 0
    done: int = 0
    failed: int = 0
    events: int = 0
    times: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    wrong: str = ""

    def request(self) -> bytes:
        body = json.dumps(self.wanted["body"]).encode()
        headers = {
            "Host": "127.0.0.1",
            "Content-Type": "application/json",
            "Content-Length": len(body),
            **self.wanted["headers"],
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {self.wanted['path']} HTTP/1.1\r\n{lines}\r\n".encode() + body

    def goes_on(self, end: float) -> bool:
        if "requests" in self.wanted:
            self.begun += 1
            return self.begun <= self.wanted["requests"]
        return time.perf_counter() < end


async def answer(reader: asyncio.StreamReader, crowd: Crowd) -> tuple[bool, bool, bytes]:
    """Whether the answer was good, whether the connection stays open, and what it said."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    stays = b"connection: close" not in head
    if b"chunked" in head:
        parts = []
        while size := int(await reader.readuntil(b"\r\n"), 16):
            part = (await reader.readexactly(size + 2))[:-2]
            parts.append(part)
            if crowd.wanted.get("late"):
                crowd.late += [time.time() - float(moment) for moment in SENT_AT.findall(part)]
        await reader.readexactly(2)
        body = b"".join(parts)
    else:
        length = re.search(rb"content-length: (\d+)", head)
        body = await (reader.readexactly(int(length[1])) if length else reader.read())
    whole = not crowd.wanted["body"].get("stream") or body.rstrip().endswith(b"[DONE]")
    return head.startswith(b"http/1.1 200") and whole, stays, body


async def client(crowd: Crowd, request: bytes, end: float) -> None:
    writer: asyncio.StreamWriter | None = None
    while crowd.goes_on(end):
        if writer is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", crowd.wanted["port"], limit=2**20)
        started = time.perf_counter()
        writer.write(request)
        try:
            good, stays, body = await answer(reader, crowd)
        except (OSError, asyncio.IncompleteReadError, ValueError) as broken:
            good, stays, body = False, False, repr(broken).encode()
        crowd.times.append(time.perf_counter() - started)
        crowd.done, crowd.failed = crowd.done + good, crowd.failed + (not good)
        crowd.events += body.count(b"data: ")
        if not good:
            crowd.wrong = body[:300].decode(errors="replace")
        if not stays:
            writer.close()
            writer = None


async def main(wanted: dict[str, Any]) -> None:
    crowd = Crowd(wanted)
    started = time.perf_counter()
    end = started + wanted.get("seconds", 1e9)
    await asyncio.gather(*(client(crowd, crowd.request(), end) for _ in range(wanted["clients"])))
    seconds = time.perf_counter() - started
    times, late = sorted(crowd.times), sorted(crowd.late)
    print(
        json.dumps(
            {
                "done": crowd.done,
                "failed": crowd.failed,
                "wrong": crowd.wrong,
                "events": crowd.events,
                "seconds": seconds,
                "rate": crowd.done / seconds,
                "p50": times[len(times) // 2] * 1000,
                "p99": times[len(times) * 99 // 100] * 1000,
                "latest": late[-1] * 1000 if late else None,
                "late_p99": late[len(late) * 99 // 100] * 1000 if late else None,
            }
        )
    )


if __name__ == "__main__":
    uvloop.run(main(json.loads(sys.argv[1])))
