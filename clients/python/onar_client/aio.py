"""The client for asyncio."""

from __future__ import annotations

import asyncio
import sys
import time
from types import TracebackType
from typing import Any, Optional, Sequence, Union

import grpc
import grpc.aio

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

#: What gRPC has to say of calls that were cut off comes a moment later. Were the loop closed by then, that would show as an exception and hold
#: up the calls of other loops.
SETTLE_S = 0.05


class Client:
    """onar_client.Client for asyncio: the same arguments, results and errors.

    It belongs to the event loop that first uses it. Close it, or use it as an asynchronous context manager. A call whose task is cancelled
    raises asyncio.CancelledError as usual; a write that was cancelled may have been executed, or may yet be.
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
        self._options = checked(endpoints, cluster_id, timeout, credentials, channel_options)
        self._knowledge = Knowledge(self._options.endpoints, cluster_id, direct)
        self._channels: dict[int, Any] = {}
        self._callables: dict[tuple[int, Method], Any] = {}
        #: What calls wait for that are in line or in a pause.
        self._waiting: set[asyncio.Event] = set()
        #: Attempts under way, and when one was last cut off.
        self._sending = 0
        self._cut_at = float("-inf")
        self._meetings: set[asyncio.Task[None]] = set()

    @property
    def cluster_id(self) -> Optional[bytes]:
        """The 16 bytes that identify the cluster; None before an endpoint has answered, unless it was pinned."""
        return self._knowledge.cluster_id

    async def get(
        self,
        key: Bytes,
        *,
        consistency: Consistency = Consistency.LINEARIZABLE,
        timeout: Optional[float] = None,
    ) -> Optional[Entry]:
        """What the key holds, None when there is no such key."""
        course = operations.get(self._knowledge, self._deadline(timeout), key, consistency)
        entry: Optional[Entry] = await self._follow(course)
        return entry

    async def put(self, key: Bytes, value: Bytes, *, timeout: Optional[float] = None) -> PutResult:
        """Stores a value, whatever was there."""
        course = operations.put(self._knowledge, self._deadline(timeout), key, value)
        result: PutResult = await self._follow(course)
        return result

    async def compare_and_set(
        self, key: Bytes, condition: Condition, value: Bytes, *, timeout: Optional[float] = None
    ) -> CompareAndSetResult:
        """Stores a value if the condition holds, and otherwise tells what was found. The result is true if it swapped."""
        deadline = self._deadline(timeout)
        course = operations.compare_and_set(self._knowledge, deadline, key, condition, value)
        result: CompareAndSetResult = await self._follow(course)
        return result

    async def delete(
        self, key: Bytes, condition: Optional[Condition] = None, *, timeout: Optional[float] = None
    ) -> DeleteResult:
        """Removes a key, if it is there and the condition, if one is given, holds. The result is true if a key was removed."""
        course = operations.delete(self._knowledge, self._deadline(timeout), key, condition)
        result: DeleteResult = await self._follow(course)
        return result

    async def add(self, key: Bytes, delta: int, *, timeout: Optional[float] = None) -> AddResult:
        """Adds to the signed 64-bit number that the key holds in decimal digits; an absent key counts as 0.

        NotDoneError with NOT_A_NUMBER or OVERFLOW: nothing was changed.
        """
        course = operations.add(self._knowledge, self._deadline(timeout), key, delta)
        result: AddResult = await self._follow(course)
        return result

    async def close(self) -> None:
        """Ends all connections. Calls that are under way end as CLOSED: reads are not done, writes that were sent are unknown."""
        cut = self._sending > 0 or bool(self._meetings) or time.monotonic() - self._cut_at < SETTLE_S
        self._knowledge.closed = True
        for waiting in self._waiting:
            waiting.set()
        for meeting in self._meetings:
            meeting.cancel()
        await asyncio.gather(*self._meetings, return_exceptions=True)
        for channel in list(self._channels.values()):
            await channel.close()
        if cut:
            await asyncio.sleep(SETTLE_S)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.close()

    def _deadline(self, timeout: Optional[float]) -> Deadline:
        return Deadline.within(self._options.timeout if timeout is None else checked_timeout("timeout", timeout))

    async def _follow(self, course: Course) -> Any:
        """Does what the course says until it has a result."""
        reply: Any = None
        try:
            while True:
                step = course.send(reply)
                reply = None
                if isinstance(step, Send):
                    reply = await self._send(step)
                elif isinstance(step, Wait):
                    reply = await self._wait(step)
                elif isinstance(step, Pause):
                    await self._pause(step.seconds)
                else:
                    meeting = asyncio.ensure_future(self._meet(step))
                    self._meetings.add(meeting)
                    meeting.add_done_callback(self._meetings.discard)
        except StopIteration as end:
            return end.value
        finally:
            course.close()

    async def _pause(self, seconds: float) -> None:
        """Until then, or until the client is closed."""
        over = asyncio.Event()
        self._waiting.add(over)
        try:
            if not self._knowledge.closed:
                await asyncio.wait_for(over.wait(), seconds)
        except asyncio.TimeoutError:
            pass
        finally:
            self._waiting.discard(over)

    async def _wait(self, step: Wait) -> bool:
        given = asyncio.Event()
        turns = self._knowledge.turns
        if turns.take(step.key, given.set):
            return True
        self._waiting.add(given)
        taken = False
        try:
            if not self._knowledge.closed:
                await asyncio.wait_for(given.wait(), step.seconds)
                taken = not self._knowledge.closed
        except asyncio.TimeoutError:
            pass
        finally:
            self._waiting.discard(given)
            if not taken:
                turns.give_up(step.key, given.set)
        return taken

    async def _send(self, step: Send) -> Any:
        if self._knowledge.closed:
            return None
        self._sending += 1
        try:
            return await self._callable(step.endpoint, step.method)(step.message, timeout=step.timeout)
        except grpc.RpcError as error:
            return error
        except grpc.aio.UsageError:
            if self._knowledge.closed:
                return None
            raise
        except asyncio.CancelledError:
            self._cut_at = time.monotonic()
            # Closing the channel cancels its calls in the same way as cancelling the task does.
            if not self._knowledge.closed or _task_is_cancelled():
                raise
            none = grpc.aio.Metadata()
            return grpc.aio.AioRpcError(grpc.StatusCode.CANCELLED, none, none, details="the client was closed")
        finally:
            self._sending -= 1

    async def _meet(self, step: Meet) -> None:
        if self._knowledge.closed:
            return
        try:
            response = await self._callable(step.endpoint, GET_VIEW)(GET_VIEW_REQUEST, timeout=CONNECT_S)
        except (grpc.RpcError, grpc.aio.UsageError):
            return
        self._knowledge.accept(step.endpoint, response)

    def _callable(self, endpoint: int, method: Method) -> Any:
        made = self._callables.get((endpoint, method))
        if made is None:
            if endpoint not in self._channels:
                # Here, since a channel belongs to the loop in which it is made.
                self._channels[endpoint] = self._channel(self._knowledge.address(endpoint))
            made = self._channels[endpoint].unary_unary(
                method.path, request_serializer=_encode, response_deserializer=method.decode
            )
            self._callables[(endpoint, method)] = made
        return made

    def _channel(self, address: str) -> Any:
        options = self._options
        if options.credentials is None:
            return grpc.aio.insecure_channel(address, options.channel_options)
        return grpc.aio.secure_channel(address, options.credentials, options.channel_options)


def _task_is_cancelled() -> bool:
    """False where it cannot be told, before Python 3.11."""
    task = asyncio.current_task()
    return sys.version_info >= (3, 11) and task is not None and task.cancelling() > 0


def _encode(message: Any) -> bytes:
    encoded: bytes = message.SerializeToString()
    return encoded
