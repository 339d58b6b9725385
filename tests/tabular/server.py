"""An HTTP server on this machine that behaves as badly as it is told."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PLAIN: dict[str, Any] = {}


class Server(ThreadingHTTPServer):
    """Serves ``content`` at any path.

    Attributes:
        content: what is served.
        behaviours: one per request in turn, afterwards ``usual``; keys:
            ``status`` and ``headers`` (answered without content), ``drop`` (bytes after which the connection ends,
            with ``reset`` by a reset, which takes what was under way with it), ``ranges`` (False: Range is ignored),
            ``content`` (others), ``length`` (a false Content-Length, None: none at all), ``chunked``,
            ``etag`` (None: none), ``shift`` (bytes by which a part begins too late),
            ``pause`` (seconds before each block), ``garbage`` (answered instead of HTTP).
        requests: the Range header of each request, None where there was none.
        sent: bytes of content in all.
    """

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.behaviours: list[dict[str, Any]] = []
        self.usual: dict[str, Any] = PLAIN
        self.requests: list[str | None] = []
        self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that a test cut off is no error."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: tests look at what a user would see."""

    def do_GET(self) -> None:
        server = self.server
        how = server.behaviours.pop(0) if server.behaviours else server.usual
        asked = self.headers.get("Range")
        server.requests.append(asked)
        self.close_connection = True
        if "garbage" in how:
            self.wfile.write(how["garbage"])
            return
        if "status" in how:
            self.send_response(how["status"])
            for name, value in how.get("headers", {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = how.get("content", server.content)
        etag = how.get("etag", '"one"')
        begin = 0
        if asked and how.get("ranges", True) and self.headers.get("If-Range", etag) == etag:
            begin = int(asked.removeprefix("bytes=").removesuffix("-"))
            if begin >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            begin += how.get("shift", 0)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if etag:
            self.send_header("ETag", etag)
        for name, value in how.get("extra", {}).items():
            self.send_header(name, value)
        part = content[begin:]
        length = how.get("length", len(part))
        if how.get("chunked"):
            self.send_header("Transfer-Encoding", "chunked")
        elif length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self._send(part[: how.get("drop")], how)
        if "drop" in how:
            if how.get("reset"):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif how.get("chunked"):
            self.wfile.write(b"0\r\n\r\n")

    def _send(self, part: bytes, how: dict[str, Any]) -> None:
        block = how.get("block", 2**16)
        for start in range(0, len(part), block):
            if "pause" in how:
                time.sleep(how["pause"])
            piece = part[start : start + block]
            self.server.sent += len(piece)  # before whoever waits for it goes on
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if how.get("chunked") else piece)
            self.wfile.flush()


@contextmanager
def serving(content: bytes) -> Iterator[Server]:
    server = Server(content)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
