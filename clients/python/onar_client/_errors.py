"""How a call ends that is not done."""

from __future__ import annotations

from typing import Final, Mapping


class Reason:
    """Reasons of errors, as OnarError.reason has them.

    Onar's own short reason where there is one (onar.kv.v1.ErrorReason without its prefix; docs/errors.md tells when each is given), for a
    status that is not Onar's the name of the gRPC status, or a reason of this client. Newer clusters may have more, so they are plain
    strings.
    """

    #: Of this client: the time was over.
    DEADLINE_EXCEEDED: Final = "DEADLINE_EXCEEDED"
    #: Of this client: no endpoint could be connected, or none answered.
    UNREACHABLE: Final = "UNREACHABLE"
    #: Of this client: every endpoint that answers is of another cluster than the pinned one, or than the first one seen.
    WRONG_CLUSTER: Final = "WRONG_CLUSTER"
    #: Of this client: it is closed.
    CLOSED: Final = "CLOSED"

    KEY_EMPTY: Final = "KEY_EMPTY"
    KEY_TOO_LONG: Final = "KEY_TOO_LONG"
    VALUE_TOO_LONG: Final = "VALUE_TOO_LONG"
    CONDITION_MISSING: Final = "CONDITION_MISSING"
    VERSION_ZERO: Final = "VERSION_ZERO"
    NOT_A_NUMBER: Final = "NOT_A_NUMBER"
    OVERFLOW: Final = "OVERFLOW"
    NO_WRITER: Final = "NO_WRITER"
    MOVING: Final = "MOVING"
    NO_QUORUM: Final = "NO_QUORUM"
    DRAINING: Final = "DRAINING"
    OVERLOADED: Final = "OVERLOADED"
    DISK_FULL: Final = "DISK_FULL"
    QUOTA_EXCEEDED: Final = "QUOTA_EXCEEDED"
    OUTCOME_UNKNOWN: Final = "OUTCOME_UNKNOWN"
    REQUEST_EXPIRED: Final = "REQUEST_EXPIRED"
    UNAUTHENTICATED: Final = "UNAUTHENTICATED"
    FORBIDDEN: Final = "FORBIDDEN"


class OnarError(Exception):
    """A call was not done, or its outcome is unknown. Always one of the two subclasses."""

    _WHAT = "no answer"
    #: "notDone" or "unknown".
    outcome = ""

    def __init__(
        self,
        reason: str,
        message: str,
        metadata: Mapping[str, str],
        attempts: int,
        *,
        code: str = "",
        address: str = "",
    ) -> None:
        at = "".join(f", at {one}" for one in address.split(", ") if one not in message)
        times = f" (sent {attempts} times)" if attempts > 1 else ""
        super().__init__(f"{self._WHAT}: {reason}: {message}{at}{times}")
        #: See Reason.
        self.reason = reason
        #: The gRPC status by name: the one that was told, or for the client's own reasons the one that fits.
        self.code = code or _CODES.get(reason, "UNKNOWN")
        #: HOST:PORT of the node that said so, or that did not answer; of all endpoints, with commas between them, when none could be
        #: reached; "" when nobody was asked.
        self.address = address
        #: For people.
        self.message = message
        #: What the cluster tells about the reason: "field", "bound" and "value" of a bad argument, "missing" nodes.
        self.metadata = dict(metadata)
        #: How often the call was sent. 0: it never left.
        self.attempts = attempts

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), self.reason, self.message, self.metadata, self.attempts, self.code, self.address)


#: For the reasons of this client.
_CODES: Final = {
    Reason.DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
    Reason.CLOSED: "CANCELLED",
    Reason.UNREACHABLE: "UNAVAILABLE",
    Reason.WRONG_CLUSTER: "FAILED_PRECONDITION",
}


def _restored(
    kind: type[OnarError],
    reason: str,
    message: str,
    metadata: Mapping[str, str],
    attempts: int,
    code: str,
    address: str,
) -> OnarError:
    """An error that was pickled."""
    return kind(reason, message, metadata, attempts, code=code, address=address)


class NotDoneError(OnarError):
    """The call definitely was not executed and will not be."""

    _WHAT = "not done"
    outcome = "notDone"


class UnknownOutcomeError(OnarError):
    """The write may have been executed, or may yet be. Read the key to find out. Reads never end so."""

    _WHAT = "it is not known whether the write was executed"
    outcome = "unknown"
