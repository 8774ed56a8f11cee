"""The course of a call, without any input or output: a generator that says what to do next and is told what came of it.

The clients (client.py, aio.py) do the steps, each in its way; everything that decides an outcome is here, once.

  1. Nothing is sent to an endpoint before it has shown its cluster.
  2. What may pass is tried again, at the next endpoint, after a pause that grows and varies; of writes also what ended unknown: with its id
     the same request is applied once however often it arrives.
  3. After an attempt that ended unknown, a refusal speaks for its own copy only: the call stays unknown, unless the cluster has decided the
     id (Failure.decided).
"""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass, replace
from typing import Any, Callable, Generator, Optional, Union

import grpc
from onar.kv.v1 import common_pb2, kv_pb2
from onar.reconfiguration.v1 import reconfiguration_pb2

from ._errors import NotDoneError, OnarError, Reason, UnknownOutcomeError
from ._failure import Failure, failure_of
from ._knowledge import Knowledge, partition_of

CONNECT_S = 2.0
#: One endpoint is waited for so long before the next one is asked as well, while there are others that were not.
FIRST_CONNECT_S = 0.25
MIN_ATTEMPT_S = 0.5
#: A node that says nothing for so long is given up for another one. A write may be held for three seconds while there is no writer.
READ_ATTEMPT_S = 1.5
WRITE_ATTEMPT_S = 4.0
FIRST_PAUSE_S = 0.02
MOST_PAUSE_S = 1.0
#: Between two questions for a revision that nobody can tell yet.
UNTOLD_PAUSE_S = 0.05
#: The least time in which another attempt is worth making; of short calls a tenth of their time.
SHORTEST_S = 0.5
REQUEST_ID_BYTES = 16


@dataclass(frozen=True)
class Method:
    """A unary call of the contract."""

    path: str
    decode: Callable[[bytes], Any]


GET_VIEW = Method(
    "/onar.reconfiguration.v1.ReconfigurationService/GetView", reconfiguration_pb2.GetViewResponse.FromString
)
GET = Method("/onar.kv.v1.KeyValueService/Get", kv_pb2.GetResponse.FromString)
PUT = Method("/onar.kv.v1.KeyValueService/Put", kv_pb2.PutResponse.FromString)
COMPARE_AND_SET = Method("/onar.kv.v1.KeyValueService/CompareAndSet", kv_pb2.CompareAndSetResponse.FromString)
DELETE = Method("/onar.kv.v1.KeyValueService/Delete", kv_pb2.DeleteResponse.FromString)
ADD = Method("/onar.kv.v1.KeyValueService/Add", kv_pb2.AddResponse.FromString)


@dataclass(frozen=True)
class Send:
    """Call the endpoint and come back with the response, the grpc.RpcError, or None when the channel is closed."""

    endpoint: int
    method: Method
    message: Any
    timeout: float


@dataclass(frozen=True)
class Meet:
    """Ask the endpoint for its view in passing; come back at once."""

    endpoint: int


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Wait:
    """Take a turn for a write on the key; come back with whether there was one in time."""

    key: bytes
    seconds: float


Step = Union[Send, Meet, Pause, Wait]
Course = Generator[Step, Any, Any]

GET_VIEW_REQUEST = reconfiguration_pb2.GetViewRequest()
CLOSED = Failure(Reason.CLOSED, "the client is closed")


@dataclass(frozen=True)
class Deadline:
    begun: float
    ends: float

    @staticmethod
    def within(seconds: float) -> Deadline:
        now = time.monotonic()
        return Deadline(now, now + seconds)

    @property
    def remaining(self) -> float:
        return self.ends - time.monotonic()

    @property
    def too_short(self) -> float:
        return min(SHORTEST_S, (self.ends - self.begun) / 10)


def read(knowledge: Knowledge, deadline: Deadline, message: kv_pb2.GetRequest) -> Course:
    """Answers a kv_pb2.GetResponse."""
    return Trial(knowledge, deadline, message.key).run(GET, message, write=False)


def _read_at_writer(knowledge: Knowledge, deadline: Deadline, key: bytes) -> Course:
    """A LOCAL read for the partition's revision: no other node knows the newest one."""
    message = kv_pb2.GetRequest(key=key, consistency=common_pb2.CONSISTENCY_LOCAL)
    return Trial(knowledge, deadline, key, to_writer=True).run(GET, message, write=False)


def write(
    knowledge: Knowledge,
    deadline: Deadline,
    method: Method,
    key: bytes,
    request: Callable[[bytes, common_pb2.Revision], Any],
) -> Course:
    """Answers the response of the method. One id and one `after` serve for all attempts."""
    if knowledge.partitions == 0:
        yield from Trial(knowledge, deadline, None).run(GET_VIEW, None, write=False)
    if not (yield Wait(key, deadline.remaining)):
        raise Trial(knowledge, deadline, key).error()
    try:
        return (yield from _write_in_turn(knowledge, deadline, method, key, request))
    finally:
        knowledge.turns.pass_on(key)


def _write_in_turn(
    knowledge: Knowledge,
    deadline: Deadline,
    method: Method,
    key: bytes,
    request: Callable[[bytes, common_pb2.Revision], Any],
) -> Course:
    partition = partition_of(key, knowledge.partitions)
    after, fresh = knowledge.after(partition, time.monotonic())
    while not fresh:
        answer = yield from _read_at_writer(knowledge, deadline, key)
        after, _ = knowledge.after(partition, time.monotonic())
        if answer.header.HasField("revision") and after is not None:
            break
        # All its nodes have just started: a writer tells it as soon as there is one.
        yield Pause(min(UNTOLD_PAUSE_S, max(0.0, deadline.remaining)))
        if deadline.remaining <= 0:
            raise Trial(knowledge, deadline, key).error()
    assert after is not None, "a fresh revision is one that was told"
    message = request(os.urandom(REQUEST_ID_BYTES), after)
    try:
        return (yield from Trial(knowledge, deadline, key, to_writer=True).run(method, message, write=True))
    except OnarError as error:
        if error.reason == Reason.REQUEST_EXPIRED:
            knowledge.turns.expired(key)
            knowledge.expired(partition, time.monotonic())
        raise


class Trial:
    """One request, at one endpoint after the other until it is answered, refused for good, or the time is over."""

    def __init__(
        self, knowledge: Knowledge, deadline: Deadline, key: Optional[bytes], to_writer: bool = False
    ) -> None:
        self._knowledge = knowledge
        self._deadline = deadline
        self._key = key
        self._to_writer = to_writer
        self._attempts = 0
        self._failures = 0
        #: Of the last attempt that was sent, and of the last one that ended unknown.
        self._last: Optional[Failure] = None
        self._unknown: Optional[Failure] = None
        #: Endpoints that did not show the cluster, and why; until they do.
        self._unmet: dict[int, Failure] = {}

    def run(self, method: Method, message: Any, write: bool) -> Course:
        """message None: it is enough that an endpoint has shown its cluster."""
        knowledge = self._knowledge
        at, tried = -1, set[int]()
        while self._time_is_left():
            for stranger in knowledge.strangers(self._key, self._to_writer, time.monotonic()):
                yield Meet(stranger)
            if len(tried) >= len(knowledge):
                # Begins anew, at another one than the last.
                tried = {at} if len(knowledge) > 1 else set()
            at = knowledge.choose(self._key, self._to_writer, tried, time.monotonic())
            tried.add(at)
            failure = yield from self._introduce(at)
            if failure is None and message is None:
                return None
            if failure is None:
                answer = yield from self._attempt(at, method, message, write)
                if not isinstance(answer, Failure):
                    if knowledge.is_outdated(answer.header, at, time.monotonic()):
                        yield Meet(at)
                    return answer
                failure = answer
                if failure.decided:
                    raise self._not_done(failure)
            if self._is_hopeless(failure):
                break
            seconds = self._pause_after(failure)
            if seconds > 0:
                yield Pause(seconds)
        raise self.error()

    def _introduce(self, at: int) -> Generator[Step, Any, Optional[Failure]]:
        knowledge = self._knowledge
        if knowledge.is_met(at):
            return None
        longest = FIRST_CONNECT_S if self._failures < len(knowledge) - 1 else CONNECT_S
        timeout = min(self._budget(), longest)
        reply = yield Send(at, GET_VIEW, GET_VIEW_REQUEST, timeout)
        failure: Optional[Failure]
        if reply is None:
            failure = CLOSED
        elif isinstance(reply, grpc.RpcError):
            failure = failure_of(reply, write=False)
            if failure.bare:
                failure = replace(failure, reason=Reason.UNREACHABLE)
            if timeout == FIRST_CONNECT_S and failure.retryable and _ran_out(reply):
                # It may only be slow: while the next one is asked, it is asked on.
                yield Meet(at)
        else:
            failure = knowledge.accept(at, reply)
        if failure is None:
            self._unmet.pop(at, None)
            return None
        failure = replace(failure, address=knowledge.address(at))
        self._failures += 1
        self._unmet[at] = failure
        knowledge.doubt(at, time.monotonic(), lost=False)
        return failure

    def _attempt(self, at: int, method: Method, message: Any, write: bool) -> Generator[Step, Any, Any]:
        knowledge = self._knowledge
        asked = time.monotonic()
        reply = yield Send(at, method, message, self._budget())
        if reply is None:
            return CLOSED
        address = knowledge.address(at)
        self._attempts += 1
        if isinstance(reply, grpc.RpcError):
            failure = failure_of(reply, write)
            if failure.revision is not None:
                knowledge.observe(failure.revision, asked)
        else:
            foreign = knowledge.learn(at, reply.header, asked)
            if foreign is None:
                return reply
            # Another cluster has come to this address just now, and has executed it.
            failure = replace(foreign, unknown=write, retryable=True)
        failure = replace(failure, address=address)
        # A caller with little time says nothing about the endpoint.
        if failure.retryable and (self._deadline.remaining > 0 or time.monotonic() - asked >= MIN_ATTEMPT_S):
            knowledge.failed(at, self._key)
            if _is_unwell(failure):
                knowledge.doubt(at, time.monotonic(), lost=failure.bare)
        self._failures += 1
        self._last = failure
        if failure.unknown:
            self._unknown = failure
        return failure

    def _time_is_left(self) -> bool:
        if self._knowledge.closed:
            return False
        least = self._deadline.too_short if self._failures else 0.0
        return self._deadline.remaining > least

    def _budget(self) -> float:
        """A node that says nothing is given up for another one, or for a connection that works."""
        remaining = max(0.0, self._deadline.remaining)
        longest = WRITE_ATTEMPT_S if self._to_writer else READ_ATTEMPT_S
        return min(remaining, longest, max(MIN_ATTEMPT_S, remaining / 2))

    def _is_hopeless(self, failure: Failure) -> bool:
        if failure is self._last or failure is CLOSED:
            return not failure.retryable
        # An endpoint that is of another cluster or no node at all stays out; when they all are, that is the answer.
        every = len(self._unmet) == len(self._knowledge)
        return every and not any(why.retryable for why in self._unmet.values())

    def _pause_after(self, failure: Failure) -> float:
        """No pause where another endpoint can be asked instead of one that is not well."""
        others = self._failures < len(self._knowledge)
        first_sent = failure is self._last and self._attempts == 1
        if others and (failure is not self._last or (first_sent and _is_unwell(failure))):
            return 0.0
        longest = min(MOST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 10))
        seconds = random.uniform(longest / 2, longest)
        # At least what the cluster asks for, and not all callers at the same moment.
        seconds = max(seconds, failure.retry_after * random.uniform(1.0, 1.25))
        # Time for one more attempt is kept, once.
        left, too_short = self._deadline.remaining, self._deadline.too_short
        return max(0.0, min(seconds, left - 2 * too_short if left > 2 * too_short else left - too_short))

    def error(self) -> OnarError:
        """How the call ended without answer."""
        cause = self._cause()
        unknown = self._unknown
        if unknown is None:
            return self._not_done(cause)
        message = unknown.message if cause is unknown else f"{unknown.message}; then: {cause.message}"
        told = cause if self._knowledge.closed else unknown
        return UnknownOutcomeError(
            told.reason, message, unknown.metadata, self._attempts, code=told.code, address=unknown.address
        )

    def _cause(self) -> Failure:
        """What made an end of the attempts."""
        if self._knowledge.closed:
            return CLOSED
        if self._last is not None:
            return self._last
        if self._unmet:
            return self._unreachable()
        return Failure(Reason.DEADLINE_EXCEEDED, "the time was over before anything was sent")

    def _unreachable(self) -> Failure:
        """Why each endpoint is of no use."""
        reasons = {failure.reason for failure in self._unmet.values()}
        reason = Reason.WRONG_CLUSTER
        if reason not in reasons:
            reason = next(iter(sorted(reasons - {Reason.UNREACHABLE})), Reason.UNREACHABLE)
        why = sorted(f"{self._knowledge.address(at)}: {failure.message}" for at, failure in self._unmet.items())
        addresses = [self._knowledge.address(at) for at in sorted(self._unmet)]
        return Failure(reason, "; ".join(why), address=", ".join(addresses))

    def _not_done(self, failure: Failure) -> NotDoneError:
        return NotDoneError(
            failure.reason,
            failure.message,
            failure.metadata,
            self._attempts,
            code=failure.code,
            address=failure.address,
        )


def _is_unwell(failure: Failure) -> bool:
    """The node is better not asked for a while."""
    return failure.bare or failure.reason == Reason.DRAINING


def _ran_out(error: Any) -> bool:
    return bool(error.code() == grpc.StatusCode.DEADLINE_EXCEEDED)
