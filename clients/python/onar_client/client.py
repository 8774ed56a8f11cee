"""The client for threads. aio.py has the same for asyncio."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Optional, Sequence, Union

import grpc

from . import _operations as operations
from ._course import CONNECT_S, GET_VIEW, GET_VIEW_REQUEST, Course, Deadline, Meet, Method, Pause, Send, Wait
from ._knowledge import Knowledge
from ._options import DEFAULT_TIMEOUT_S, ChannelOptions, checked, checked_timeout
from ._values import (
    AddResult,
    Bytes,
    CompareAndSetResult,
    Condition,
    Consistency,
    DeleteResult,
    Entry,
    PutResult,
)


class Client:
    """Calls one cluster. Any number of threads may use it at once. Close it, or use it as a context manager.

    It connects when it is first used. Every call may raise NotDoneError: it definitely was and will not be executed. Writes may raise
    UnknownOutcomeError instead: the write may have been executed, or may yet be. Wrong types and values out of range raise TypeError and
    ValueError before anything is sent.

    endpoints: client addresses of some nodes, HOST:PORT, as a sequence or separated by commas. One is enough, all are better: the client
      begins at another when one is down. The cluster tells the addresses of all its nodes.
    cluster_id: pins the cluster, 16 bytes as the property has them. Without it, the cluster of the first endpoint that answers is the one.
    direct: call the node that serves a key at the address which it advertises. False keeps the client to the endpoints, where those addresses
      cannot be reached from here.
    timeout: seconds for a call, with all its attempts, where the call says nothing else.
    credentials: of gRPC; without, connections are not encrypted.
    channel_options: passed on to gRPC after the client's own.
    """

    def __init__(
        self,
        endpoints: Union[str, Sequence[str]],
        *,
        cluster_id: Optional[bytes] = None,
        direct: bool = True,
        timeout: float = DEFAULT_TIMEOUT_S,
        credentials: Optional[grpc.ChannelCredentials] = None,
        channel_options: ChannelOptions = (),
    ) -> None:
        options = checked(endpoints, cluster_id, timeout, credentials, channel_options)
        self._timeout = options.timeout
        self._knowledge = Knowledge(options.endpoints, options.cluster_id, direct)
        self._closing = threading.Event()
        #: Writes that wait for a turn.
        self._waiting: set[threading.Event] = set()
        self._waiting_lock = threading.Lock()
        self._callables: dict[tuple[int, Method], Any] = {}
        self._options = options
        self._channels: dict[int, grpc.Channel] = {}
        self._channels_lock = threading.Lock()

    @property
    def cluster_id(self) -> Optional[bytes]:
        """The 16 bytes that identify the cluster; None before an endpoint has answered, unless it was pinned."""
        return self._knowledge.cluster_id

    def get(
        self,
        key: Bytes,
        *,
        consistency: Consistency = Consistency.LINEARIZABLE,
        timeout: Optional[float] = None,
    ) -> Optional[Entry]:
        """What the key holds, None when there is no such key."""
        course = operations.get(self._knowledge, self._deadline(timeout), key, consistency)
        entry: Optional[Entry] = self._follow(course)
        return entry

    def put(self, key: Bytes, value: Bytes, *, timeout: Optional[float] = None) -> PutResult:
        """Stores a value, whatever was there."""
        result: PutResult = self._follow(operations.put(self._knowledge, self._deadline(timeout), key, value))
        return result

    def compare_and_set(
        self, key: Bytes, condition: Condition, value: Bytes, *, timeout: Optional[float] = None
    ) -> CompareAndSetResult:
        """Stores a value if the condition holds, and otherwise tells what was found. The result is true if it swapped."""
        deadline = self._deadline(timeout)
        course = operations.compare_and_set(self._knowledge, deadline, key, condition, value)
        result: CompareAndSetResult = self._follow(course)
        return result

    def delete(
        self, key: Bytes, condition: Optional[Condition] = None, *, timeout: Optional[float] = None
    ) -> DeleteResult:
        """Removes a key, if it is there and the condition, if one is given, holds. The result is true if a key was removed."""
        course = operations.delete(self._knowledge, self._deadline(timeout), key, condition)
        result: DeleteResult = self._follow(course)
        return result

    def add(self, key: Bytes, delta: int, *, timeout: Optional[float] = None) -> AddResult:
        """Adds to the signed 64-bit number that the key holds in decimal digits; an absent key counts as 0.

        NotDoneError with NOT_A_NUMBER or OVERFLOW: nothing was changed.
        """
        result: AddResult = self._follow(operations.add(self._knowledge, self._deadline(timeout), key, delta))
        return result

    def close(self) -> None:
        """Ends all connections. Calls that are under way end as CLOSED: reads are not done, writes that were sent are unknown."""
        self._knowledge.closed = True
        self._closing.set()
        with self._waiting_lock:
            for waiting in self._waiting:
                waiting.set()
        with self._channels_lock:
            channels = list(self._channels.values())
        for channel in channels:
            channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def _deadline(self, timeout: Optional[float]) -> Deadline:
        return Deadline.within(self._timeout if timeout is None else checked_timeout("timeout", timeout))

    def _follow(self, course: Course) -> Any:
        """Does what the course says until it has a result."""
        reply: Any = None
        try:
            while True:
                step = course.send(reply)
                reply = None
                if isinstance(step, Send):
                    reply = self._send(step)
                elif isinstance(step, Wait):
                    reply = self._wait(step)
                elif isinstance(step, Pause):
                    self._closing.wait(step.seconds)
                else:
                    self._meet(step)
        except StopIteration as end:
            return end.value
        finally:
            course.close()

    def _wait(self, step: Wait) -> bool:
        given = threading.Event()
        turns = self._knowledge.turns
        if turns.take(step.key, given.set):
            return True
        with self._waiting_lock:
            self._waiting.add(given)
        try:
            taken = not self._knowledge.closed and given.wait(step.seconds) and not self._knowledge.closed
        except BaseException:
            turns.give_up(step.key, given.set)
            raise
        finally:
            with self._waiting_lock:
                self._waiting.discard(given)
        if not taken:
            turns.give_up(step.key, given.set)
        return taken

    def _send(self, step: Send) -> Any:
        try:
            return self._callable(step.endpoint, step.method)(step.message, timeout=step.timeout)
        except grpc.RpcError as error:
            return error
        except ValueError:
            # How gRPC says that the channel is closed.
            if self._knowledge.closed:
                return None
            raise

    def _meet(self, step: Meet) -> None:
        def met(call: Any) -> None:
            if not call.cancelled() and call.exception() is None:
                self._knowledge.accept(step.endpoint, call.result())

        try:
            call = self._callable(step.endpoint, GET_VIEW).future(GET_VIEW_REQUEST, timeout=CONNECT_S)
        except ValueError:
            return
        call.add_done_callback(met)

    def _callable(self, endpoint: int, method: Method) -> Any:
        made = self._callables.get((endpoint, method))
        if made is None:
            with self._channels_lock:
                made = self._channel(endpoint).unary_unary(
                    method.path, request_serializer=_encode, response_deserializer=method.decode
                )
            self._callables[(endpoint, method)] = made
        return made

    def _channel(self, endpoint: int) -> grpc.Channel:
        """Needs the lock; ValueError when the client is closed, as gRPC says it."""
        channel = self._channels.get(endpoint)
        if channel is None:
            if self._knowledge.closed:
                raise ValueError("the client is closed")
            options, address = self._options, self._knowledge.address(endpoint)
            channel = (
                grpc.insecure_channel(address, options.channel_options)
                if options.credentials is None
                else grpc.secure_channel(address, options.credentials, options.channel_options)
            )
            self._channels[endpoint] = channel
        return channel


def _encode(message: Any) -> bytes:
    encoded: bytes = message.SerializeToString()
    return encoded
