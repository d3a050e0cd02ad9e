"""A serverless cache of ElastiCache whose users sign in by a role: a door before Redis, over TLS, that takes signatures alone.

What ElastiCache asks of one is in docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html.
"""

import hmac
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import parse_qsl, urlencode

import trustme
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.servers.moto import REGION, SECRET

GOOD_SECONDS = 900
PIECE = 65_536


@dataclass
class CacheDoor:
    """An open door: its name as a cache, its one user, where Redis is, and who has signed in, by access key.

    told: called with the access key, the cache and the user when one signs in.
    """

    name: str
    user: str
    behind: int
    url: str = ""
    told: Callable[[str, str, str], None] | None = None
    seen: list[str] = field(default_factory=list)
    open: set[socket.socket] = field(default_factory=set)

    def signs_in(self, user: str, token: str) -> bool:
        """Whether this is the user, and the token what its access key signs for this cache."""
        asked = dict(parse_qsl(token.partition("/?")[2]))
        signature, key = asked.pop("X-Amz-Signature", ""), asked.get("X-Amz-Credential", "").partition("/")[0]
        request = AWSRequest("GET", f"https://{self.name}/?{urlencode(asked)}", {"host": self.name})
        request.context["timestamp"] = asked.get("X-Amz-Date", "")
        signer = SigV4QueryAuth(Credentials(key, SECRET), "elasticache", REGION)
        expected = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        wanted = {"Action": "connect", "User": self.user, "ResourceType": "ServerlessCache"}
        good = (
            token.startswith(f"{self.name}/?")
            and user == self.user
            and wanted.items() <= asked.items()
            and int(asked.get("X-Amz-Expires", "0")) <= GOOD_SECONDS
            and hmac.compare_digest(signature, expected)
        )
        if good:
            self.seen.append(key)
            if self.told:
                self.told(key, self.name, self.user)
        return good

    def end_all(self) -> None:
        """End every connection, as ElastiCache does with those that are twelve hours old."""
        for each in (*self.open,):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class Passage(StreamRequestHandler):
    """One connection: first the signature, then whatever Redis and the process say to each other."""

    door: CacheDoor
    context: ssl.SSLContext

    def setup(self) -> None:
        self.request = self.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self) -> None:
        self.door.open.add(self.request)
        try:
            if self.command() and self.signed():
                self.pass_on()
        finally:
            self.door.open.discard(self.request)

    def command(self) -> bool:
        """Read the first command, which has to sign in."""
        self.said = [self.word() for _ in range(int(self.rfile.readline()[1:] or 0))]
        return self.said[:1] == ["AUTH"]

    def word(self) -> str:
        size = int(self.rfile.readline()[1:])
        return self.rfile.read(size + 2)[:size].decode()

    def signed(self) -> bool:
        good = len(self.said) == 3 and self.door.signs_in(*self.said[1:])
        self.wfile.write(b"+OK\r\n" if good else b"-WRONGPASS invalid username-password pair or user is disabled.\r\n")
        return good

    def pass_on(self) -> None:
        with socket.create_connection(("localhost", self.door.behind)) as redis:
            answers = threading.Thread(target=passed, args=(redis, self.request), daemon=True)
            answers.start()
            passed(self.request, redis)
            answers.join(5)


def passed(come: socket.socket, go: socket.socket) -> None:
    """Pass on what comes until it ends, and end the other side then."""
    with suppress(OSError):
        while piece := come.recv(PIECE):
            go.sendall(piece)
    for each in (come, go):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


class Server(ThreadingTCPServer):
    """A thread for each connection; what goes wrong in one ends that one."""

    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: who broke off knows."""


@contextmanager
def cache_door(
    name: str, user: str, behind: int, folder: Path, told: Callable[[str, str, str], None] | None = None
) -> Iterator[CacheDoor]:
    """The door for the length of the block; its certificate's authority is in its URL."""
    authority, door = trustme.CA(), CacheDoor(name, user, behind, told=told)
    authority.cert_pem.write_to_path(folder / "cache.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    passage = type("PassageOfThis", (Passage,), {"door": door, "context": context})
    with Server(("localhost", 0), passage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        door.url = f"rediss://{user}@localhost:{server.server_address[1]}?ssl_ca_certs={folder}/cache.pem"
        yield door
        server.shutdown()
