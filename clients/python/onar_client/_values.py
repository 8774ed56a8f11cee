"""What calls take and answer."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Optional, Union

from onar.kv.v1 import common_pb2

#: Keys and values as callers give them. Text is sent in UTF-8.
Bytes = Union[str, bytes]

MAX_UINT64 = 2**64 - 1
MIN_INT64, MAX_INT64 = -(2**63), 2**63 - 1


def to_bytes(field: str, given: Bytes) -> bytes:
    """The bytes to send, or a TypeError that names the field."""
    if isinstance(given, str):
        try:
            return given.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{field} must be text that UTF-8 can express: it has half a surrogate pair") from error
    if isinstance(given, (bytes, bytearray, memoryview)):
        return bytes(given)
    raise TypeError(f"{field} must be str or bytes, not {type(given).__name__}")


class Consistency(enum.Enum):
    """How fresh a read is."""

    #: Sees every write that was answered before the read began, through whatever client.
    LINEARIZABLE = "linearizable"
    #: The settled copy of the node that answers, without a round among the replicas. It may be old, but is never a value that could
    #: still vanish. Where there is no such copy, the read is done as a linearizable one; the answer tells.
    LOCAL = "local"


@dataclass(frozen=True)
class Entry:
    """What a key holds."""

    #: May be empty, which is not the same as an absent key.
    value: bytes
    #: Never 0; changes with every write that is applied to the key, also of the same value.
    version: int
    #: How it was read.
    consistency: Consistency = Consistency.LINEARIZABLE

    def text(self) -> str:
        """The value as text; UnicodeDecodeError when it is not UTF-8."""
        return self.value.decode()


@dataclass(frozen=True)
class PutResult:
    """The answer of a put."""

    #: The key's version with this write.
    version: int


@dataclass(frozen=True)
class CompareAndSetResult:
    """The answer of a compare_and_set. True if it swapped."""

    #: Whether the condition held and the value was stored.
    swapped: bool
    #: The key's version now: with this write when swapped, otherwise the one found; 0 when there is no such key.
    version: int
    #: What was found when the condition did not hold; None when swapped and when there is no such key. Of a call that was sent more
    #: than once it may be missing, too: it is told only while the key still has that version.
    found: Optional[Entry]

    def __bool__(self) -> bool:
        return self.swapped


@dataclass(frozen=True)
class DeleteResult:
    """The answer of a delete. True if a key was removed."""

    #: Whether a key was removed: False when there was none, or the condition did not hold.
    deleted: bool
    #: The version that was found and, if deleted, removed; 0 when there was no such key.
    version: int
    #: What was found when the condition did not hold, as in CompareAndSetResult.
    found: Optional[Entry]

    def __bool__(self) -> bool:
        return self.deleted


@dataclass(frozen=True)
class AddResult:
    """The answer of an add."""

    #: The number after the addition. None only when the call had to be sent more than once and the key was written again in between;
    #: the addition was done all the same, once.
    number: Optional[int]
    #: The key's version with this write.
    version: int


class Condition:
    """What must be true of a key for a write to be applied. Made by if_version, if_value, if_absent and if_present."""

    def __init__(self, message: common_pb2.Condition, text: str) -> None:
        self._message = message
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def _to_wire(self) -> common_pb2.Condition:
        return self._message


def if_version(version: int) -> Condition:
    """The key exists and has this version. 0 is refused: use if_absent."""
    if not isinstance(version, int) or isinstance(version, bool):
        raise TypeError(f"version must be an int, not {type(version).__name__}")
    if not 0 <= version <= MAX_UINT64:
        raise ValueError(f"version must be from 0 to {MAX_UINT64}, is {version}")
    return Condition(common_pb2.Condition(version=version), f"if_version({version})")


def if_value(value: Bytes) -> Condition:
    """The key exists and its value equals these bytes. An empty value is not an absent key."""
    return Condition(common_pb2.Condition(value=to_bytes("value", value)), f"if_value({value!r})")


#: There is no such key.
if_absent = Condition(common_pb2.Condition(presence=common_pb2.PRESENCE_ABSENT), "if_absent")
#: The key exists, with whatever value.
if_present = Condition(common_pb2.Condition(presence=common_pb2.PRESENCE_PRESENT), "if_present")

