"""The messages of one comm: notifications, and requests that can be cancelled, both ways."""

from __future__ import annotations

import logging
import uuid
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from codeface_jupyter.errors import CodeFaceError, NotebookError, ProtocolError
from codeface_jupyter.frontend import protocol
from codeface_jupyter.frontend.protocol import (
    MAX_ERROR_CHARACTERS,
    PROTOCOL_VERSION,
    Notification,
    Payload,
    Request,
    parse_payload,
)
from codeface_jupyter.frontend.workers import Workers
from codeface_jupyter.jobs import Cancelled, Event, Job
from codeface_jupyter.quiet_dependencies import quiet_dependencies
from codeface_jupyter.threads import new_lock

__all__ = ["Connection", "Handlers", "Partial"]

logger = logging.getLogger(__name__)

# A page has a few in progress; more than these are a fault, and threads cost memory.
MAX_REQUESTS = 32
GONE = "The notebook's page is gone."

P = TypeVar("P", bound=Mapping[str, object])
R = TypeVar("R", bound=Mapping[str, object])
H = TypeVar("H")


@dataclass(frozen=True)
class Partial(Event):
    """The result of a request so far: a handler's job sends it on."""

    result: Mapping[str, object]


@dataclass(frozen=True)
class _RequestHandler:
    answer: Callable[[Payload, Job], Payload]
    in_thread: bool


class Handlers:
    """Which handler takes which method; one may be added or replaced at any time.

    Parameters
    ----------
    others
        Take the methods that have no handler here.
    """

    def __init__(self, others: Handlers | None = None) -> None:
        self.notifications: ChainMap[str, Callable[[Payload], None]] = ChainMap({})
        self.requests: ChainMap[str, _RequestHandler] = ChainMap({})
        if others is not None:
            self.notifications = others.notifications.new_child()
            self.requests = others.requests.new_child()

    def on(self, notification: Notification[P], handler: Callable[[P], None]) -> None:
        """Call ``handler`` with the payload of each ``notification``."""

        def take(data: Payload) -> None:
            handler(parse_payload(notification.payload, data, method=notification.method))

        self.notifications[notification.method] = take

    def handle(
        self,
        request: Request[P, R],
        handler: Callable[[P, Job], R],
        *,
        in_thread: bool = False,
    ) -> None:
        """Let ``handler`` give the result of each ``request``, ``in_thread`` of its own or not."""

        def answer(data: Payload, job: Job) -> Payload:
            payload = parse_payload(request.payload, data, method=request.method)
            return dict(handler(payload, job))

        self.requests[request.method] = _RequestHandler(answer, in_thread)


@dataclass(frozen=True)
class _Pending:
    """A request of the kernel's that waits for its response."""

    settle: Callable[[Payload], None]
    fail: Callable[[Exception], None]


class Connection:
    """The messages of one comm, and the requests in progress on it.

    Parameters
    ----------
    send
        Sends a message; may be called in any thread.
    handlers
        Take what the front end sends.

    Attributes
    ----------
    is_understood
        Whether a message has come in our version of the protocol.
    """

    def __init__(self, send: Callable[[dict[str, Any]], None], handlers: Handlers) -> None:
        self.is_understood = False
        self._send_now = send
        self._handlers = handlers
        self._jobs: dict[str, Job] = {}
        self._pending: dict[str, _Pending] = {}
        self._workers = Workers()
        # Messages arrive in a subshell's thread, handlers have their own, the main one asks.
        self._lock = new_lock()
        self._is_closed = False

    def notify(self, notification: Notification[P], payload: P) -> None:
        """Tell the front end something."""
        message: protocol.NotificationMessage = {
            "version": PROTOCOL_VERSION,
            "type": "notification",
            "method": notification.method,
            "payload": dict(payload),
        }
        self._send(message)

    def request(self, request: Request[P, R], payload: P, *, timeout_s: float) -> R:
        """Ask the front end and wait, in another thread than the one that hears the response.

        Raises
        ------
        TimeoutError
            If no response came in time; one that comes later is ignored.
        CodeFaceError
            If the front end failed or sent what cannot be used, or the comm closed.
        """
        request_id = uuid.uuid4().hex
        result = self._expect(request, request_id)
        message: protocol.RequestMessage = {
            "version": PROTOCOL_VERSION,
            "type": "request",
            "request_id": request_id,
            "method": request.method,
            "payload": dict(payload),
        }
        try:
            self._send(message)
            return result.result(timeout=timeout_s)
        finally:
            # Still pending: it timed out or was interrupted.
            if self._pop_pending(request_id) is not None:
                self._send_cancel(request_id)

    def receive(self, data: object) -> None:
        """Take a message of the front end's; a bad one is answered with an error."""
        with quiet_dependencies(), self._reporting_failures(_request_id(data)):
            message = protocol.parse_front_end_message(data)
            self.is_understood = True
            self._take(message)

    def close(self) -> None:
        """End what is in progress in both directions; nothing is sent from then on."""
        with self._lock:
            self._is_closed = True
            jobs, self._jobs = self._jobs, {}
            pending, self._pending = self._pending, {}
        for job in jobs.values():
            job.cancel()
        for waiting in pending.values():
            waiting.fail(NotebookError(GONE))
        self._workers.close()

    def _take(self, message: protocol.FrontEndMessage) -> None:
        if message["type"] == "notification":
            _known(self._handlers.notifications, message["method"])(message["payload"])
        elif message["type"] == "request":
            self._begin(message)
        elif message["type"] == "cancel":
            self._cancel(message["request_id"])
        elif message["type"] == "response":
            waiting = self._pop_pending(message["request_id"])
            # Otherwise it is late, or a second one.
            if waiting is not None:
                waiting.settle(message["result"])
        elif message["type"] == "error":
            self._take_error(message)

    def _take_error(self, message: protocol.ErrorMessage) -> None:
        request_id = message["request_id"]
        if request_id is None:
            logger.warning("The notebook's page: %s", message["message"])
            return
        waiting = self._pop_pending(request_id)
        if waiting is not None:
            waiting.fail(NotebookError(f"The notebook's page: {message['message']}"))

    def _begin(self, message: protocol.RequestMessage) -> None:
        request_id = message["request_id"]
        handler = _known(self._handlers.requests, message["method"])
        if request_id in self._jobs:
            # Without the id, which belongs to the request in progress.
            self._send_error(None, f"The request {request_id!r:.50} is already in progress.")
            return
        job = Job(partial(self._send_partial, request_id))
        with self._lock:
            if self._is_closed:
                return
            if len(self._jobs) >= MAX_REQUESTS:
                raise ProtocolError(f"{MAX_REQUESTS} requests are already in progress.")
            self._jobs[request_id] = job
        if not handler.in_thread:
            self._answer(handler, message, job)
            return
        try:
            self._workers.start(self._answer, handler, message, job)
        except BaseException:
            # There is no thread to end the request.
            self._end(request_id)
            raise

    def _answer(self, handler: _RequestHandler, message: protocol.RequestMessage, job: Job) -> None:
        request_id = message["request_id"]
        with quiet_dependencies(), self._reporting_failures(request_id):
            try:
                result = handler.answer(message["payload"], job)
            finally:
                self._end(request_id)
            response: protocol.ResponseMessage = {
                "version": PROTOCOL_VERSION,
                "type": "response",
                "request_id": request_id,
                "result": result,
            }
            self._send(response)

    def _end(self, request_id: str) -> None:
        with self._lock:
            self._jobs.pop(request_id, None)

    def _cancel(self, request_id: str) -> None:
        with self._lock:
            job = self._jobs.get(request_id)
        # Else it crossed with the response.
        if job is not None:
            job.cancel()

    def _expect(self, request: Request[P, R], request_id: str) -> Future[R]:
        result: Future[R] = Future()

        def settle(data: Payload) -> None:
            try:
                result.set_result(parse_payload(request.result, data, method=request.method))
            except ProtocolError as error:
                result.set_exception(error)
                raise

        with self._lock:
            if self._is_closed:
                raise NotebookError(GONE)
            self._pending[request_id] = _Pending(settle, fail=result.set_exception)
        return result

    def _pop_pending(self, request_id: str) -> _Pending | None:
        with self._lock:
            return self._pending.pop(request_id, None)

    @contextmanager
    def _reporting_failures(self, request_id: str | None) -> Iterator[None]:
        try:
            yield
        except Cancelled:
            self._send_error(request_id, "The request was cancelled.")
        except CodeFaceError as error:
            self._send_error(request_id, str(error))
        except Exception as error:
            # The comm boundary: the sender gets an error, the kernel's log the traceback.
            logger.warning("A message of the front end failed", exc_info=True)
            self._send_error(request_id, f"{type(error).__name__}: {error}")
        except BaseException as error:
            # It is not ours to stop, but the sender waits for one answer.
            self._send_error(request_id, type(error).__name__)
            raise

    def _send_cancel(self, request_id: str) -> None:
        message: protocol.CancelMessage = {
            "version": PROTOCOL_VERSION,
            "type": "cancel",
            "request_id": request_id,
        }
        self._send(message)

    def _send_partial(self, request_id: str, event: Event) -> None:
        if not isinstance(event, Partial):
            return
        message: protocol.PartialMessage = {
            "version": PROTOCOL_VERSION,
            "type": "partial",
            "request_id": request_id,
            "result": dict(event.result),
        }
        self._send(message)

    def _send_error(self, request_id: str | None, text: str) -> None:
        message: protocol.ErrorMessage = {
            "version": PROTOCOL_VERSION,
            "type": "error",
            "request_id": request_id,
            "message": text[:MAX_ERROR_CHARACTERS],
        }
        self._send(message)

    def _send(self, message: protocol.KernelMessage) -> None:
        if not self._is_closed:
            self._send_now(dict(message))


def _known(handlers: Mapping[str, H], method: str) -> H:
    handler = handlers.get(method)
    if handler is None:
        raise ProtocolError(f"The kernel does not know the method {method!r:.50}.")
    return handler


def _request_id(data: object) -> str | None:
    """Return the id that a failure belongs to, even if the message cannot be used."""
    is_request = isinstance(data, dict) and data.get("type") == "request"
    found = data.get("request_id") if is_request and isinstance(data, dict) else None
    return (
        found if isinstance(found, str) and 0 < len(found) <= protocol.MAX_ID_CHARACTERS else None
    )
