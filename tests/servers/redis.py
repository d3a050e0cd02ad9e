"""Redis from the system's packages, as one node that has all slots of a cluster: keys of two slots in one script show."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.running import wait_for
from tests.servers.starting import needed, server

REMEDY = "this needs Redis (on Debian: apt-get install redis-server)"
SLOTS = 16_384


def free_port() -> int:
    """A port that nobody listens on, low enough for the cluster's own port, which lies 10,000 higher, to exist."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1]) - 10_000
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


@dataclass(frozen=True)
class RedisServer:
    """A server that can be started again on its port, with its data lost."""

    folder: Path
    tls: tuple[Path, Path] | None = None  # certificate and key: then it speaks TLS alone
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"{'rediss' if self.tls else 'redis'}://localhost:{self.port}"

    def client(self) -> "Redis":
        """For what no adapter does: to look into it, or to have it lose its data."""
        options = {"ssl_cert_reqs": "none"} if self.tls else {}
        return Redis.from_url(self.url, protocol=2, **options)

    @contextmanager
    def running(self) -> Iterator[int]:
        """The server's process id, for the length of the block."""
        needed(bool(shutil.which("redis-server")), REMEDY)
        self.folder.mkdir(parents=True, exist_ok=True)
        nodes = f"nodes-{self.port}.conf"
        (self.folder / nodes).unlink(missing_ok=True)
        certificates = ["--tls-cert-file", str(self.tls[0]), "--tls-key-file", str(self.tls[1])] if self.tls else []
        ports = (
            ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"]
            if self.tls
            else ["--port", str(self.port)]
        )
        cluster = ["--cluster-enabled", "yes", "--cluster-config-file", nodes, "--cluster-require-full-coverage", "no"]
        plain = ["--bind", "127.0.0.1", "::1", "--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        command = ["redis-server", *plain, *ports, *certificates, *cluster]
        with server(command, self.port, self.folder / f"{self.port}.log") as process:
            with self.client() as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
                wait_for(lambda: self._serves(client))
            yield process.pid

    @staticmethod
    def _serves(client: "Redis") -> bool:
        with suppress(RedisError):
            return bool(client.set("ready", 1, ex=1))
        return False
