"""manage.py up: the whole platform on this machine, in one command."""

import http.client
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from foundation.errors import Problem
from foundation.settings import CHOSEN, HOUSE
from foundation.started import telling
from foundation.supervisor import Chore, Supervisor, end_with_parent

HOPELESS: Final = 3  # a child that ends so often before the platform is UP will not come up
SWEEP: Final = 600.0  # seconds
ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (compared with, never bound)


class Command(BaseCommand):
    """Prepares, starts the web server and the worker, keeps them running, and stops them on SIGTERM or Ctrl-C."""

    help = "Starts the platform on this machine and keeps it running until Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, help="the port of the web server (setting PORT)")
        parser.add_argument("--serve", help="what to serve, separated by commas (setting SERVE)")
        parser.add_argument("--tls", action="store_true", help="serve https with a certificate authority of this machine")
        parser.add_argument("--demo", action="store_true", help="walk through the platform once it is up (manage.py demo)")
        parser.add_argument("--once", action="store_true", help="stop when it is up, or when the demo has ended")

    def handle(self, *args: Any, **options: Any) -> None:
        changed = dict(overrides(options["port"], options["serve"], options["tls"]))
        if changed:  # settings are read once, at the start: start again with them
            flags = [f"--{name}" for name in ("demo", "once") if options[name]]
            sys.stdout.flush()
            os.execve(sys.executable, [sys.executable, sys.argv[0], "up", *flags], {**os.environ, **changed})  # noqa: S606
        refuse_taken_port()
        lines = prepared()
        with telling(CHOSEN.home, {each.metadata["name"]: getattr(CHOSEN, each.name) for each in fields(CHOSEN)}):
            sys.exit(self.kept_running(lines, options["demo"], options["once"]))

    def kept_running(self, lines: list[str], demo: bool, once: bool) -> int:
        """Start the processes, and stop them in the end; the exit code."""
        supervisor = Supervisor(
            ["web", *(["worker"] if HOUSE.queues else [])],
            [Chore(SWEEP, self.sweep)],
            lambda line: self.stderr.write(f"{line}."),
        )
        supervisor.start()
        try:
            return self.attend(supervisor, lines, demo, once)
        finally:
            supervisor.stop()

    def attend(self, supervisor: Supervisor, lines: list[str], demo: bool, once: bool) -> int:
        """Wait for UP, show the summary, run the demo, stay; the exit code."""
        health = Health()
        supervisor.watch(lambda: supervisor.failures >= HOPELESS or health.is_up())
        if supervisor.failures >= HOPELESS:
            raise CommandError("the platform does not come up; what its processes said is above")
        if supervisor.stopping:
            return 0
        self.stdout.write("\n".join(summary(lines)))
        self.stdout.flush()
        code = walk(supervisor) if demo else 0
        if not once:
            supervisor.watch(lambda: False)
        return code if once else 0

    def sweep(self) -> None:
        """Remove expired records; a store that does not answer is asked again the next time."""
        try:
            import_module(f"foundation.adapters.{CHOSEN.platform}.upkeep").sweep(CHOSEN)
        except Problem as refused:
            self.stderr.write(f"expired records stay for now: {refused}")


def overrides(port: int | None, serve: str | None, tls: bool) -> Iterator[tuple[str, str]]:
    """The environment variables that the flags stand for."""
    if port is not None:
        yield "PORT", str(port)
    if serve is not None:
        yield "SERVE", serve
    if tls:
        made = import_module(f"foundation.adapters.{CHOSEN.platform}.certificates").issue(CHOSEN.home, CHOSEN.host)
        yield "CA_FILE", str(made.authority)
        yield "TLS_CERTIFICATE", str(made.certificate)
        yield "TLS_KEY", str(made.key)
    usual = f"http://{CHOSEN.host}:{CHOSEN.port}"
    reached = CHOSEN.public_url if CHOSEN.public_url != usual else f"http://{CHOSEN.host}:{port or CHOSEN.port}"
    if tls:
        yield "PUBLIC_URL", reached.replace("http://", "https://", 1)


def refuse_taken_port() -> None:
    """CommandError when something listens at HOST:PORT already."""
    family = socket.AF_INET6 if ":" in CHOSEN.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((CHOSEN.host, CHOSEN.port))
        except OSError as refused:
            raise CommandError(
                f"port {CHOSEN.port} of {CHOSEN.host} cannot be used: {refused.strerror}; stop what listens there, "
                "or choose another port with --port or PORT"
            ) from refused


def prepared() -> list[str]:
    """What `manage.py prepare` has to say; in a process of its own, so that what it loads does not stay."""
    preparing = begun("prepare", stdout=subprocess.PIPE)
    try:
        said, _ = preparing.communicate()
    except KeyboardInterrupt:
        sys.exit("stopped before anything was started")
    if preparing.returncode:
        raise CommandError("the platform could not be prepared; what went wrong is above")
    return said.decode().splitlines()


def begun(command: str, stdout: int | None = None) -> "subprocess.Popen[bytes]":
    """Another `manage.py` command as a process that ends when this one does."""
    return subprocess.Popen([sys.executable, sys.argv[0], command], stdout=stdout, preexec_fn=end_with_parent)  # noqa: PLW1509


def walk(supervisor: Supervisor) -> int:
    """The exit code of `manage.py demo`, with the platform kept running meanwhile."""
    demo = begun("demo")
    supervisor.watch(lambda: demo.poll() is not None)
    if demo.poll() is None:
        demo.terminate()
    return demo.wait()


def summary(lines: list[str]) -> list[str]:
    """What an operator sees when the platform is up."""
    trust = [f"  to trust     {CHOSEN.ca_file}"] if CHOSEN.tls_certificate and CHOSEN.ca_file else []
    return [
        "The platform is up.",
        f"  portal       {CHOSEN.public_url}/admin/",
        f"  API          {CHOSEN.public_url}/docs",
        f"  data         {CHOSEN.home}",
        *trust,
        *(f"  {line}" for line in lines),
        "Ctrl-C stops it.",
    ]


class Health:
    """Asks the platform whether it is up, at most five times a second."""

    def __init__(self) -> None:
        self.asked = 0.0

    def is_up(self) -> bool:
        """Whether it answered UP."""
        if time.monotonic() - self.asked < 0.2:
            return False
        self.asked = time.monotonic()
        try:
            connection = self._connection()
            connection.request("GET", "/service/health")
            answer = connection.getresponse()
            return answer.status == 200 and b"UP" in answer.read()
        except (OSError, http.client.HTTPException):
            return False

    def _connection(self) -> http.client.HTTPConnection:
        host = ANYWHERE.get(CHOSEN.host, CHOSEN.host)
        if not CHOSEN.tls_certificate:
            return http.client.HTTPConnection(host, CHOSEN.port, timeout=2)
        trusted = ssl.create_default_context(cafile=CHOSEN.ca_file or None)
        return http.client.HTTPSConnection(host, CHOSEN.port, timeout=2, context=trusted)
