"""Loaded by every Python process of a watched platform: writes down each connection that would leave this machine."""

import os
import sys
from pathlib import Path


def leaves(address: object) -> bool:
    """Whether a socket address is one of another machine."""
    return isinstance(address, tuple) and not str(address[0]).startswith(("127.", "::1", "localhost", "0.0.0.0"))


def watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto") and leaves(arguments[1]):
        with Path(os.environ["CONNECTIONS_SEEN"]).open("a") as seen:
            seen.write(f"{arguments[1]}\n")


sys.addaudithook(watch)
