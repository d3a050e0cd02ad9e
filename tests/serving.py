"""This process's own Django behind a real socket, so that tokens are verified against keys fetched over HTTP."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.core.handlers.wsgi import WSGIHandler

from foundation.settings import CHOSEN


class Server(ThreadingMixIn, WSGIServer):
    """A thread a request."""

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    """Notes the paths that were asked for, and prints nothing."""

    asked: list[str] = []

    def log_message(self, *_: object) -> None:
        self.asked.append(self.path)


class Sharing:
    """The one server of this process, and how many use it."""

    server: Server
    users = 0


@contextmanager
def serving() -> Iterator[list[str]]:
    """Serve Django where PUBLIC_URL says, once for all that need it; yields the list of the paths that are asked for."""
    if Sharing.users == 0:
        Sharing.server = make_server(CHOSEN.host, CHOSEN.port, WSGIHandler(), server_class=Server, handler_class=Quiet)
        threading.Thread(target=Sharing.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    Sharing.users += 1
    try:
        yield Quiet.asked
    finally:
        Sharing.users -= 1
        if Sharing.users == 0:
            Sharing.server.shutdown()
            Sharing.server.server_close()
