"""Client of Onar, a linearizable, replicated, partitioned key-value store.

    from onar_client import Client

    with Client(["localhost:4600", "localhost:4601", "localhost:4602"]) as client:
        print(client.add("visits", 1).number)

For asyncio: onar_client.aio.Client.

A call ends in one of three ways, and never in a fourth:

  - done: it returns. A missing key and a condition that did not hold are answers, not errors.
  - definitely not done: NotDoneError.
  - unknown: UnknownOutcomeError. The write may have been executed, or may yet be; read the key to find out. Reads never end so.

Each write gets a request id that is kept for all its attempts, at all endpoints, so that it is applied once however often it was sent. With
the id goes the highest revision that the client had seen of the key's partition; a retry that comes so late that the cluster may have
forgotten the id is refused instead of being applied again. Both happen unseen.
"""

from ._errors import NotDoneError, OnarError, Reason, UnknownOutcomeError
from ._values import (
    AddResult,
    CompareAndSetResult,
    Condition,
    Consistency,
    DeleteResult,
    Entry,
    PutResult,
    if_absent,
    if_present,
    if_value,
    if_version,
)
from .client import Client

__all__ = [
    "AddResult",
    "Client",
    "CompareAndSetResult",
    "Condition",
    "Consistency",
    "DeleteResult",
    "Entry",
    "NotDoneError",
    "OnarError",
    "PutResult",
    "Reason",
    "UnknownOutcomeError",
    "if_absent",
    "if_present",
    "if_value",
    "if_version",
]
