"""A TCP proxy between a program and its PostgreSQL server, that loses what it is told to lose."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Final, Literal

_COMMIT: Final = b"COMMIT\x00"
"""As a simple query carries it (https://www.postgresql.org/docs/15/protocol-message-formats.html)."""
Loss = Literal["", "COMMIT", "its answer"]


class Lossy:
    """Listens on `port`. `lose`: the next COMMIT, or the answer to it, together with the connection."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.lose: Loss = ""
        self.lost = 0
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """End every connection."""
        for connection in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join(10)

    def _listen(self) -> None:
        while True:
            try:
                program, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                return
            self._open += [program, server]
            for work, ends in ((self._forth, (program, server)), (self._back, (server, program))):
                thread = threading.Thread(target=work, args=ends, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _forth(self, program: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while said := program.recv(65_536):
                if self.lose and said.endswith(_COMMIT):
                    lose, self.lose = self.lose, ""
                    self.lost += 1
                    # From here on the program hears nothing more.
                    program.shutdown(socket.SHUT_RDWR)
                    if lose == "COMMIT":
                        break
                server.sendall(said)
        # What is on its way to the server arrives; its answer finds nobody.
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _back(self, server: socket.socket, program: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while said := server.recv(65_536):
                program.sendall(said)
        for end in (server, program):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
