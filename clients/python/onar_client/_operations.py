"""The calls, as courses: from arguments to messages and from responses to results. Arguments are checked when the course is made."""

from __future__ import annotations

from typing import Optional

from onar.kv.v1 import common_pb2, kv_pb2

from ._course import ADD, COMPARE_AND_SET, DELETE, PUT, Course, Deadline, read, write
from ._knowledge import Knowledge
from ._values import (
    MAX_INT64,
    MIN_INT64,
    AddResult,
    Bytes,
    CompareAndSetResult,
    Condition,
    Consistency,
    DeleteResult,
    Entry,
    PutResult,
    to_bytes,
)


def get(knowledge: Knowledge, deadline: Deadline, key: Bytes, consistency: Consistency) -> Course:
    if not isinstance(consistency, Consistency):
        raise TypeError(f"consistency must be a Consistency, not {type(consistency).__name__}")
    local = consistency is Consistency.LOCAL
    wire = common_pb2.CONSISTENCY_LOCAL if local else common_pb2.CONSISTENCY_LINEARIZABLE
    return _get(knowledge, deadline, kv_pb2.GetRequest(key=to_bytes("key", key), consistency=wire))


def _get(knowledge: Knowledge, deadline: Deadline, message: kv_pb2.GetRequest) -> Course:
    answer = yield from read(knowledge, deadline, message)
    if not answer.HasField("entry"):
        return None
    local = answer.consistency == common_pb2.CONSISTENCY_LOCAL
    served = Consistency.LOCAL if local else Consistency.LINEARIZABLE
    return Entry(answer.entry.value, answer.entry.version, served)


def put(knowledge: Knowledge, deadline: Deadline, key: Bytes, value: Bytes) -> Course:
    return _put(knowledge, deadline, to_bytes("key", key), to_bytes("value", value))


def _put(knowledge: Knowledge, deadline: Deadline, key: bytes, value: bytes) -> Course:
    def request(request_id: bytes, after: common_pb2.Revision) -> kv_pb2.PutRequest:
        return kv_pb2.PutRequest(key=key, value=value, request_id=request_id, after=after)

    answer = yield from write(knowledge, deadline, PUT, key, request)
    return PutResult(answer.version)


def compare_and_set(
    knowledge: Knowledge, deadline: Deadline, key: Bytes, condition: Condition, value: Bytes
) -> Course:
    wire = _condition(condition)
    return _compare_and_set(knowledge, deadline, to_bytes("key", key), wire, to_bytes("value", value))


def _compare_and_set(
    knowledge: Knowledge, deadline: Deadline, key: bytes, condition: common_pb2.Condition, value: bytes
) -> Course:
    def request(request_id: bytes, after: common_pb2.Revision) -> kv_pb2.CompareAndSetRequest:
        return kv_pb2.CompareAndSetRequest(
            key=key, value=value, condition=condition, request_id=request_id, after=after
        )

    answer = yield from write(knowledge, deadline, COMPARE_AND_SET, key, request)
    return CompareAndSetResult(answer.swapped, answer.version, _found(answer))


def delete(knowledge: Knowledge, deadline: Deadline, key: Bytes, condition: Optional[Condition]) -> Course:
    wire = None if condition is None else _condition(condition)
    return _delete(knowledge, deadline, to_bytes("key", key), wire)


def _delete(
    knowledge: Knowledge, deadline: Deadline, key: bytes, condition: Optional[common_pb2.Condition]
) -> Course:
    def request(request_id: bytes, after: common_pb2.Revision) -> kv_pb2.DeleteRequest:
        return kv_pb2.DeleteRequest(key=key, condition=condition, request_id=request_id, after=after)

    answer = yield from write(knowledge, deadline, DELETE, key, request)
    return DeleteResult(answer.deleted, answer.version, _found(answer))


def add(knowledge: Knowledge, deadline: Deadline, key: Bytes, delta: int) -> Course:
    if not isinstance(delta, int) or isinstance(delta, bool):
        raise TypeError(f"delta must be an int, not {type(delta).__name__}")
    if not MIN_INT64 <= delta <= MAX_INT64:
        raise ValueError(f"delta must be from {MIN_INT64} to {MAX_INT64}, is {delta}")
    return _add(knowledge, deadline, to_bytes("key", key), delta)


def _add(knowledge: Knowledge, deadline: Deadline, key: bytes, delta: int) -> Course:
    def request(request_id: bytes, after: common_pb2.Revision) -> kv_pb2.AddRequest:
        return kv_pb2.AddRequest(key=key, delta=delta, request_id=request_id, after=after)

    answer = yield from write(knowledge, deadline, ADD, key, request)
    return AddResult(answer.number if answer.HasField("number") else None, answer.version)


def _condition(condition: Condition) -> common_pb2.Condition:
    if not isinstance(condition, Condition):
        raise TypeError(
            "condition must be if_version(…), if_value(…), if_absent or if_present, "
            f"not {type(condition).__name__}"
        )
    return condition._to_wire()


def _found(answer: kv_pb2.CompareAndSetResponse | kv_pb2.DeleteResponse) -> Optional[Entry]:
    return Entry(answer.found.value, answer.found.version) if answer.HasField("found") else None
