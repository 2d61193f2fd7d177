"""Requests to a running rig: a Unix socket in its folder, one line of JSON each way."""

from __future__ import annotations

import json
import logging
import queue
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bsd.errors import EnvironmentFault, ToolkitError, UserMistake

log = logging.getLogger(__name__)

_PATIENCE_S: Final = 10.0
_LONGEST_BYTES: Final = 1 << 16

Fields = dict[str, Any]


class _Request:
    """One request on its way to the thread that answers it."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self.answer: Fields = {"error": "the rig does not answer; is it ending?"}
        self.answered = threading.Event()


class ControlServer:
    """Takes requests in a thread of its own; they are answered where `answer` is called.

    Parameters
    ----------
    path
        The socket; it must not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._requests: queue.SimpleQueue[_Request] = queue.SimpleQueue()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._accept, name="control", daemon=True)
        self._thread.start()

    def answer(self, work: Callable[[Fields], Fields]) -> None:
        """Answer what waits; a `ToolkitError` of `work` is the answer."""
        while not self._requests.empty():
            request = self._requests.get()
            try:
                request.answer = work(request.fields)
            except ToolkitError as error:
                request.answer = {"error": str(error)}
            except Exception:
                request.answer = {"error": "the world has ended; its own message says why"}
                raise
            finally:
                request.answered.set()

    def close(self) -> None:
        """Take no more requests and remove the socket."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(_PATIENCE_S)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            with connection:
                connection.settimeout(_PATIENCE_S)
                try:
                    _write_line(connection, self._answer(_read_line(connection)))
                except OSError as error:
                    log.debug("control: a request broke off (%s)", error)

    def _answer(self, line: bytes) -> Fields:
        try:
            fields = json.loads(line)
        except ValueError:
            return {"error": "a request is one line of JSON"}
        if not isinstance(fields, dict):
            return {"error": "a request is a mapping of fields"}
        request = _Request(fields)
        self._requests.put(request)
        request.answered.wait(_PATIENCE_S)
        return request.answer


def ask(path: Path, fields: Fields) -> Fields:
    """Send one request to a running rig; its answer.

    Raises
    ------
    EnvironmentFault
        No rig runs there.
    UserMistake
        The rig refuses; its words.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(2 * _PATIENCE_S)
            connection.connect(str(path))
            _write_line(connection, fields)
            answer = json.loads(_read_line(connection))
    except (OSError, ValueError) as error:
        raise EnvironmentFault(f"{path}: no virtual rig answers there ({error})") from error
    if "error" in answer:
        raise UserMistake(str(answer["error"]))
    return dict(answer)


def _write_line(connection: socket.socket, fields: Fields) -> None:
    connection.sendall(json.dumps(fields).encode() + b"\n")


def _read_line(connection: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n") and len(data) < _LONGEST_BYTES:
        part = connection.recv(4096)
        if not part:
            break
        data += part
    return data
