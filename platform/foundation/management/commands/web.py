"""manage.py web: serve HTTP until it is told to stop."""

import gc
from collections.abc import Callable, Mapping
from typing import Any

from django.core.management.base import BaseCommand
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from foundation.settings import CHOSEN
from foundation.supervisor import STOP_TIMEOUT

CROWD = 4096  # connections that are open, and those that wait to be, at the most

OPTIONS: Mapping[str, Any] = {
    "bind": f"[{CHOSEN.host}]:{CHOSEN.port}" if ":" in CHOSEN.host else f"{CHOSEN.host}:{CHOSEN.port}",
    "workers": CHOSEN.web_concurrency,
    "worker_class": "foundation.server.Worker",
    "worker_connections": CROWD,
    "backlog": CROWD,
    "asgi_loop": "uvloop",
    "http_parser": "fast",
    "keepalive": CHOSEN.keep_alive,
    "graceful_timeout": int(STOP_TIMEOUT) - 5,
    "timeout": 120,
    "loglevel": CHOSEN.log_level.lower(),
    "control_socket_disable": True,
    "certfile": CHOSEN.tls_certificate or None,
    "keyfile": CHOSEN.tls_key or None,
}


COLLECT = (20_000, 20, 20)  # measured with make bench-gateway: with Python's 700, 10, 10 it takes a tenth of all time


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with its own ASGI worker, configured by the platform's settings alone."""

    def load_config(self) -> None:
        for name, value in OPTIONS.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        from foundation.asgi import application  # noqa: PLC0415 (in the worker process: what it opens is its own)

        rest()
        return application


def rest() -> None:
    """Spare the collector what is loaded for good, and let it look less often at what requests leave behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


class Command(BaseCommand):
    """A signal to end (SIGTERM) lets requests and streams finish."""

    help = "Serves HTTP at HOST:PORT for what SERVE names, in WEB_CONCURRENCY processes."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        Server().run()
