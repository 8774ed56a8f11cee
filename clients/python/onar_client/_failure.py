"""What a failed attempt says.

The rule (onar/kv/v1/error.proto): Onar's own errors carry an ErrorInfo of domain "onar" and, of writes, an Outcome that says whether
the write may have been executed. A status without them was made by something in between, or by a broken connection: the codes that
those make up for a request that may have arrived mean unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Mapping, Optional

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from onar.kv.v1 import common_pb2, error_pb2

from ._errors import Reason

DOMAIN = "onar"
DETAILS = "grpc-status-details-bin"
LONGEST_MESSAGE = 1_000

#: Statuses that mean, whoever made them, that nothing was executed and that the same call will fail again.
REFUSALS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.DATA_LOSS,
    }
)


@dataclass(frozen=True)
class Failure:
    """Why one attempt has no answer."""

    reason: str
    message: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    #: A write in this attempt may have been executed.
    unknown: bool = False
    #: Another attempt, at another node or later, may succeed.
    retryable: bool = False
    #: The cluster has decided the request id: the write was and will be executed by no copy of the request. Any other refusal speaks for
    #: its own copy only.
    decided: bool = False
    #: Not Onar's own: the connection, or what it leads to, is in doubt.
    bare: bool = False
    #: Seconds that the cluster asks to wait.
    retry_after: float = 0.0
    #: The gRPC status by name; "" when nobody has told one.
    code: str = ""
    #: HOST:PORT of the endpoint that said so, or that did not answer; "" when none did.
    address: str = ""
    #: What the node tells of the key's partition.
    revision: Optional[common_pb2.Revision] = None


def failure_of(error: Any, write: bool) -> Failure:
    """The failure that a grpc.RpcError means, sync or asyncio: both are calls that can be asked, which their types do not say."""
    code: grpc.StatusCode = error.code()
    message = _printable(error.details() or "") or "no explanation was given"
    info = outcome = retry = None
    for detail in _details(error.trailing_metadata()):
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            found = error_details_pb2.ErrorInfo.FromString(detail.value)
            info = found if found.domain == DOMAIN and found.reason else info
        elif detail.Is(error_pb2.Outcome.DESCRIPTOR):
            outcome = error_pb2.Outcome.FromString(detail.value)
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo.FromString(detail.value).retry_delay
    if info is None:
        return _bare(code, message, write)
    reason = _printable(info.reason)
    expired = reason == Reason.REQUEST_EXPIRED
    unknown = write and (expired or reason == Reason.OUTCOME_UNKNOWN)
    if write and outcome is not None:
        unknown = outcome.execution != error_pb2.EXECUTION_NOT_EXECUTED
    # What is full stays full.
    may_pass = code not in REFUSALS and reason not in (Reason.DISK_FULL, Reason.QUOTA_EXCEEDED)
    return Failure(
        reason=reason,
        message=message,
        metadata=dict(info.metadata),
        unknown=unknown,
        retryable=not expired and (unknown or may_pass),
        decided=not unknown and reason in (Reason.NOT_A_NUMBER, Reason.OVERFLOW),
        code=code.name,
        retry_after=0.0 if retry is None else max(0.0, retry.seconds + retry.nanos / 1e9),
        revision=outcome.revision if outcome is not None and outcome.HasField("revision") else None,
    )


def _bare(code: grpc.StatusCode, message: str, write: bool) -> Failure:
    # The one refusal that gRPC itself makes of too long a request. This side takes answers of any length.
    too_long = code is grpc.StatusCode.RESOURCE_EXHAUSTED and "message larger than max" in message.lower()
    refused = too_long or code in REFUSALS
    if code is grpc.StatusCode.UNIMPLEMENTED:
        message = f"what answers is not an Onar node, or is of another version: {message}"
    return Failure(
        reason=code.name,
        message=message,
        unknown=write and not refused,
        retryable=not refused,
        bare=True,
        code=code.name,
    )


def _details(trailers: Any) -> Any:
    """The google.protobuf.Any of the error; none where they cannot be read."""
    for key, value in trailers or ():
        if key == DETAILS:
            try:
                return status_pb2.Status.FromString(value).details
            except DecodeError:
                return ()
    return ()


#: Control characters, separators of lines and paragraphs, what changes the direction of text, halves of surrogate pairs.
_UNSEEN = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")


def _printable(text: str) -> str:
    """A server's text on one line of bounded length. What would not be seen becomes \\x1b or \\u202e, as in the other clients."""
    line = re.sub("[\\t\\r\\n]+", " ", text[: LONGEST_MESSAGE + 1])
    line = _UNSEEN.sub(lambda found: _escaped(ord(found.group())), line).strip()
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1] + "\u2026"


def _escaped(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
