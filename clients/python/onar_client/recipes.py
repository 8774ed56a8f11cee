"""Small things built on the client, to use or to take: docs/recipes.md says why each is as it is. All of them are for threads."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass
from typing import Callable, Optional, Sequence

from ._errors import OnarError, UnknownOutcomeError
from ._values import Consistency, if_absent, if_value, if_version
from .client import Client


class Counter:
    """A counter."""

    def __init__(self, client: Client, key: str) -> None:
        self._client, self._key = client, key

    def add(self, delta: int = 1) -> int:
        """The count after it. UnknownOutcomeError: it was added or not, and never twice."""
        number = self._client.add(self._key, delta).number
        # Added, but somebody wrote again before a lost answer was repeated.
        return self.count() if number is None else number

    def count(self) -> int:
        entry = self._client.get(self._key)
        return 0 if entry is None else int(entry.text())


def acquire(client: Client, key: str, lease: float) -> Optional[Lock]:
    """Takes the lock if it is free, or if nobody renewed it while this caller watched for its lease, in seconds. None: it is held."""
    value = f"{uuid.uuid4()} {int(lease * 1_000)}"
    before = client.get(key)
    if before is not None:
        # No clock is compared with another machine's: this caller has seen the same version for the whole lease itself.
        time.sleep(int(before.text().split(" ")[1]) / 1_000)
    begun = time.monotonic()
    condition = if_absent if before is None else if_version(before.version)
    try:
        taken = client.compare_and_set(key, condition, value)
    except UnknownOutcomeError:
        # Without a definite answer, the key says who holds the lock.
        entry = client.get(key)
        return Lock(client, key, value, lease, entry.version, begun) if entry and entry.text() == value else None
    return Lock(client, key, value, lease, taken.version, begun) if taken else None


class Lock:
    """A lock that is held, and renewed until it is released or lost."""

    def __init__(self, client: Client, key: str, value: str, lease: float, token: int, begun: float) -> None:
        #: Grows with every holder. Send it along with everything that is done under the lock.
        self.token = token
        #: Set when the lock is lost: stop what you do under it.
        self.lost = threading.Event()
        self._client, self._key, self._value, self._lease = client, key, value, lease
        self._version = token
        # Counted from before it was asked for, so that it ends here before it ends for others.
        self._until = begun + lease
        self._released = threading.Event()
        self._renewing = threading.Thread(target=self._renew, daemon=True)
        self._renewing.start()

    def release(self) -> bool:
        """Gives the lock back. False: it was taken over meanwhile."""
        self._released.set()
        self._renewing.join()
        return bool(self._client.delete(self._key, if_value(self._value)))

    def _renew(self) -> None:
        while not self._released.wait(max(0.0, min(self._lease / 3, self._until - time.monotonic()))):
            begun = time.monotonic()
            left = self._until - begun
            if left <= 0:
                return self.lost.set()
            try:
                renewed = self._client.compare_and_set(self._key, if_version(self._version), self._value, timeout=left)
            except OnarError:
                continue
            if renewed:
                self._until = begun + self._lease
            elif renewed.found is None or renewed.found.text() != self._value:
                return self.lost.set()
            # Otherwise an earlier renewal has happened of which nothing was known.
            self._version = renewed.version


def store_fenced(client: Client, key: str, token: int, value: str) -> bool:
    """What a lock protects: here a register that remembers the highest token it has seen. False: the token is too low."""
    while True:
        entry = client.get(key)
        if entry is not None and token < int(entry.text().split(" ")[0]):
            return False
        condition = if_absent if entry is None else if_version(entry.version)
        if client.compare_and_set(key, condition, f"{token} {value}"):
            return True


def lead(
    client: Client,
    key: str,
    lease: float,
    work: Callable[[int, threading.Event], None],
    stop: threading.Event,
) -> None:
    """Leads whenever nobody else does, until `stop`. `work` is given the token, and ends by itself when the event is set."""
    while not stop.is_set():
        try:
            lock = acquire(client, key, lease)
        except OnarError:
            # Nobody who can be asked just now: that passes.
            lock = None
        if lock is None:
            stop.wait(lease / 10)
            continue
        try:
            work(lock.token, lock.lost)
        finally:
            try:
                lock.release()
            except OnarError:
                # It is free after its lease.
                pass


@dataclass(frozen=True)
class Job:
    number: int
    payload: str
    #: Of the claim: what `finish` needs.
    version: int


class Queue:
    """Jobs are numbered keys without gaps. A worker claims one; one that was not finished within the lease goes to another worker."""

    def __init__(self, client: Client, name: str) -> None:
        self._client, self._name = client, name
        #: Claims of others, as this worker has seen them: version and time.
        self._seen: dict[int, tuple[int, float]] = {}
        #: All jobs before these are known to be there, or to be done.
        self._tail = self._head = 1

    def add(self, payload: str) -> int:
        """Its number. UnknownOutcomeError: it may be in the queue."""
        while not self._client.compare_and_set(self._key(self._tail), if_absent, f"todo {payload}"):
            self._tail += 1
        self._tail += 1
        return self._tail - 1

    def claim(self, lease: float) -> Optional[Job]:
        """The first job that is free, or that nobody finished while this worker watched for the lease. None: there is none."""
        number = self._head
        while True:
            entry = self._client.get(self._key(number))
            if entry is None:
                return None
            state, _, payload = entry.text().partition(" ")
            if state == "done":
                self._head += number == self._head
                self._seen.pop(number, None)
            elif state != "taken" or self._is_late(number, entry.version, lease):
                taken = self._client.compare_and_set(
                    self._key(number), if_version(entry.version), f"taken {payload}"
                )
                if taken:
                    return Job(number, payload, taken.version)
            number += 1

    def finish(self, job: Job) -> bool:
        """False: it took too long, and another worker has the job."""
        return bool(self._client.compare_and_set(self._key(job.number), if_version(job.version), "done"))

    def _is_late(self, number: int, version: int, lease: float) -> bool:
        now = time.monotonic()
        seen, at = self._seen.get(number, (0, 0.0))
        if seen == version:
            return now - at >= lease
        self._seen[number] = (version, now)
        return False

    def _key(self, number: int) -> str:
        return f"{self._name}/{number}"


class RateLimiter:
    """At most `limit` calls in each window of so many seconds, by all that share the name."""

    def __init__(self, client: Client, name: str, limit: int, window: float) -> None:
        self._client, self._name, self._limit, self._window = client, name, limit, window

    def may_pass(self) -> bool:
        """Whether one more may pass now. OnarError: that is not known."""
        window = int(time.time() // self._window)
        number = self._client.add(f"{self._name}/{window}", 1).number
        if number == 1:
            self._client.delete(f"{self._name}/{window - 2}")
        return number is not None and number <= self._limit


class Flags:
    """Flags in the memory of this process, read anew every so many seconds. While nobody answers, they stay as they were."""

    def __init__(self, client: Client, names: Sequence[str], every: float = 1.0) -> None:
        self._client, self._names, self._every = client, names, every
        self._values: dict[str, bytes] = {}
        self._refresh()
        self._closed = threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()

    def is_on(self, name: str) -> bool:
        return self._values.get(name) == b"on"

    def set(self, name: str, on: bool) -> None:
        self._client.put(f"flag/{name}", "on" if on else "off")

    def close(self) -> None:
        self._closed.set()

    def _follow(self) -> None:
        while not self._closed.wait(self._every):
            try:
                self._refresh()
            except OnarError:
                pass

    def _refresh(self) -> None:
        for name in self._names:
            entry = self._client.get(f"flag/{name}", consistency=Consistency.LOCAL)
            self._values[name] = b"" if entry is None else entry.value
