"""The gRPC listener's own server, gunicorn's threaded worker, on a thread of the tests.

It answers over real sockets but in the tests' process, so that it sees what a test has written in
a transaction that is rolled back afterwards. The tests start the real one as well, where it is
about the process.
"""

import logging
import os
import socket
import threading
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.db import connections
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker

HOST = "testserver"  # whatever name the clients connect to


class Listener:
    """A server on a free port that works with the connection of the test that runs."""

    def __init__(self) -> None:
        self.handler: Any = get_wsgi_application()
        self.connection: Any = None
        self.socket = socket.create_server(("127.0.0.1", 0))
        # As gunicorn's own sockets: else the end of an answer waits 40 ms for its beginning.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self.socket.getsockname()[1]
        config = Config()
        config.set("http_protocols", "h2,h1")
        config.set("http2_cleartext", "both")
        config.set("threads", 8)
        # It waits for the database of the test and for nothing else.
        logger = Logger(config)
        logger.error_log.setLevel(logging.CRITICAL)
        self.worker: Any = Worker(1, os.getppid(), [self.socket], self, 30, config, logger)
        self.thread = threading.Thread(target=self.worker.init_process, daemon=True)
        self.thread.start()

    def wsgi(self) -> Any:
        """Return the application, as gunicorn asks for it."""
        return self._answer

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Any:
        connections["default"] = self.connection
        # Past the signals of a request, which would close the test's connection.
        response = self.handler.get_response(WSGIRequest(environ | {"HTTP_HOST": HOST}))
        start_response(f"{response.status_code} {response.reason_phrase}", [*response.items()])
        return list(response)

    def close(self) -> None:
        """Stop serving."""
        self.worker.alive = False
        self.thread.join(timeout=5)
        self.worker.tmp.close()


class Worker(ThreadWorker):  # type: ignore[misc]
    """The worker without signals, which only a main thread can take."""

    def init_signals(self) -> None:
        pass
