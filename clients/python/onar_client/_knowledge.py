"""What a client knows of its cluster: which cluster, which node is where, who keeps and who writes what, revisions seen.

The view says where each key is, so a call goes straight to the node that serves it; but never waits for that one while another can be asked.

Nothing is sent to an endpoint before it has shown which cluster it is of. That is asked again after a connection broke: what answers then
may be something else, and a write is to leave only where something answered, so that an endpoint which is down means "not done" rather
than "unknown".

Shared by all calls of a client, also of several threads.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import Optional, Sequence

from onar.kv.v1 import common_pb2
from onar.reconfiguration.v1 import reconfiguration_pb2

from ._errors import Reason
from ._failure import Failure
from ._turns import Turns

#: How long an endpoint that failed is left for others.
SUSPECT_S = 1.0
#: How often an endpoint that cannot be reached is asked in passing.
MEET_PAUSE_S = 1.0
#: How long a revision serves as `after` of new writes. It proves that a request without record never ran, as long as no record above it was
#: forgotten. So an old one is asked for anew: where others write the key often, a request that names it would be refused as expired
#: although it never ran.
FRESH_S = 1.0
#: Instead, for a while after a request of the partition was expired.
FRESH_WHEN_BUSY_S = 0.02
BUSY_S = 10.0
CLUSTER_ID_BYTES = 16
MAX_PARTITIONS = 65_536


def partition_of(key: bytes, count: int) -> int:
    """The partition of a key in the default key space: the top log2(count) bits of its position.

    The position is the first 16 bytes of SHA-256(key space id as 4 bytes big-endian, then the key); count is a power of two up to 65,536.
    """
    digest = hashlib.sha256(bytes(4) + key).digest()
    return (int.from_bytes(digest[:4], "big") * count) >> 32


@dataclass
class _Endpoint:
    address: str
    #: The node that answered last; 0 when that has to be asked (again).
    node: int = 0
    suspect_until: float = 0.0
    met_at: float = float("-inf")
    #: It is neither configured nor in the view any more.
    gone: bool = False


@dataclass
class _Sighting:
    revision: int
    asked: float
    busy_until: float = 0.0


class Knowledge:
    """Times are seconds of a monotonic clock."""

    def __init__(self, addresses: Sequence[str], cluster_id: Optional[bytes], direct: bool = True) -> None:
        self._lock = threading.Lock()
        #: Never gets shorter, so that positions stay what they are. First the configured ones.
        self._endpoints = [_Endpoint(address) for address in addresses]
        self._configured = len(self._endpoints)
        self._direct = direct
        self._cluster_id = cluster_id
        self._partitions = 0
        self._epoch = 0
        self._members: dict[int, str] = {}
        self._replicas: dict[int, Sequence[int]] = {}
        self._writers: dict[int, int] = {}
        self._seen: dict[int, _Sighting] = {}
        self._turn = 0
        self.turns = Turns()
        self.closed = False

    def __len__(self) -> int:
        """How many endpoints may be called."""
        return sum(not one.gone for one in self._endpoints)

    @property
    def cluster_id(self) -> Optional[bytes]:
        return self._cluster_id

    @property
    def partitions(self) -> int:
        """0 before the cluster was seen. Never changes."""
        return self._partitions

    def address(self, endpoint: int) -> str:
        return self._endpoints[endpoint].address

    def is_met(self, endpoint: int) -> bool:
        return self._endpoints[endpoint].node != 0

    def accept(self, endpoint: int, response: reconfiguration_pb2.GetViewResponse) -> Optional[Failure]:
        """Takes the view that an endpoint shows, or says why it is not of the client's cluster."""
        view, node = response.view, response.header.node_id
        count = view.partition_count
        is_count = 1 <= count <= MAX_PARTITIONS and count & (count - 1) == 0
        if len(view.cluster_id) != CLUSTER_ID_BYTES or not is_count or node == 0:
            message = "what answers is not an Onar node, or is of another version"
            return Failure(Reason.UNREACHABLE, message, bare=True)
        with self._lock:
            if self._cluster_id is None:
                self._cluster_id = view.cluster_id
            foreign = self._foreign(view.cluster_id)
            if foreign is None:
                if self._partitions == 0 or view.epoch > self._epoch:
                    self._take(view)
                self._trust(endpoint, node)
            return foreign

    def learn(self, endpoint: int, header: common_pb2.Header, asked: float) -> Optional[Failure]:
        """Takes the header of an answer to something asked at that time, or says that another cluster made it."""
        with self._lock:
            foreign = self._foreign(header.cluster_id)
            if foreign is not None:
                return foreign
            self._trust(endpoint, header.node_id)
            if header.HasField("revision"):
                if header.writer_node_id:
                    self._writers[header.revision.partition] = header.writer_node_id
                self._observe(header.revision, asked)
            return None

    def observe(self, revision: common_pb2.Revision, asked: float) -> None:
        with self._lock:
            self._observe(revision, asked)

    def after(self, partition: int, now: float) -> tuple[Optional[common_pb2.Revision], bool]:
        """The highest revision seen of a partition, and whether it is recent."""
        with self._lock:
            seen = self._seen.get(partition)
            if seen is None:
                return None, False
            longest = FRESH_WHEN_BUSY_S if now < seen.busy_until else FRESH_S
            return common_pb2.Revision(partition=partition, revision=seen.revision), now - seen.asked < longest

    def expired(self, partition: int, now: float) -> None:
        """A request of the partition was refused as expired."""
        with self._lock:
            if partition in self._seen:
                self._seen[partition].busy_until = now + BUSY_S

    def doubt(self, endpoint: int, now: float, lost: bool) -> None:
        """Leaves the endpoint for others for a while; lost: its connection may lead elsewhere the next time."""
        with self._lock:
            one = self._endpoints[endpoint]
            one.suspect_until = now + SUSPECT_S
            if lost:
                one.node = 0

    def failed(self, endpoint: int, key: Optional[bytes]) -> None:
        """An attempt failed there: if it is believed to be the key's writer, perhaps it is not any more."""
        with self._lock:
            if key is not None and self._partitions:
                partition = partition_of(key, self._partitions)
                if self._writers.get(partition) == self._endpoints[endpoint].node:
                    self._writers.pop(partition, None)

    def is_outdated(self, header: common_pb2.Header, endpoint: int, now: float) -> bool:
        """Whether the view is to be asked for at the endpoint, since there is a newer one. Says so once in a while."""
        with self._lock:
            one = self._endpoints[endpoint]
            outdated = header.view_epoch > self._epoch and now - one.met_at >= MEET_PAUSE_S / 10
            if outdated:
                one.met_at = now
            return outdated

    def strangers(self, key: Optional[bytes], to_writer: bool, now: float) -> list[int]:
        """Endpoints that serve the key, to be asked in passing who they are."""
        with self._lock:
            due = []
            for at in self._serving(key, to_writer):
                one = self._endpoints[at]
                if one.node == 0 and now - one.met_at >= MEET_PAUSE_S:
                    one.met_at = now
                    due.append(at)
            return due

    def choose(self, key: Optional[bytes], to_writer: bool, tried: set[int], now: float) -> int:
        """The endpoint for the next attempt of a call that has tried some; the caller sees to it that not all are.

        For a write the writer, then the replicas of the key; for a read the replicas by turns; then all.
        """
        with self._lock:
            self._turn += 1
            every = [at for at, one in enumerate(self._endpoints) if not one.gone]
            order = [at for at in (*self._serving(key, to_writer), *every) if at not in tried]
            well = [at for at in order if self._endpoints[at].suspect_until <= now]
            met = [at for at in well if self._endpoints[at].node != 0]
            return (met or well or order or every)[0]

    # What follows needs the lock.

    def _serving(self, key: Optional[bytes], to_writer: bool) -> list[int]:
        if key is None or not self._partitions:
            return []
        partition = partition_of(key, self._partitions)
        replicas = list(self._replicas.get(partition, ()))
        if to_writer:
            nodes = [self._writers.get(partition, 0), *replicas]
        else:
            start = self._turn % len(replicas) if replicas else 0
            nodes = replicas[start:] + replicas[:start]
        found = (self._endpoint_of(node) for node in nodes if node)
        return [at for at in found if at is not None]

    def _endpoint_of(self, node: int) -> Optional[int]:
        """By who answered; otherwise where the view says that the node is."""
        for at, one in enumerate(self._endpoints):
            if one.node == node and not one.gone:
                return at
        address = self._members.get(node)
        for at, one in enumerate(self._endpoints):
            if one.address == address and one.node == 0 and not one.gone:
                return at
        return None

    def _take(self, view: reconfiguration_pb2.View) -> None:
        self._epoch = view.epoch
        self._partitions = view.partition_count
        self._members = {member.id: member.client_address for member in view.members}
        self._replicas = {one.partition: tuple(one.replicas) for one in view.partitions}
        self._writers.clear()
        named = set(self._members.values()) - {""} if self._direct else set()
        for one in self._endpoints[self._configured :]:
            one.gone = one.address not in named
        known = {one.address for one in self._endpoints}
        self._endpoints += [_Endpoint(address) for address in sorted(named - known)]

    def _trust(self, endpoint: int, node: int) -> None:
        self._endpoints[endpoint].node = node
        self._endpoints[endpoint].suspect_until = 0.0

    def _foreign(self, cluster_id: bytes) -> Optional[Failure]:
        if cluster_id == self._cluster_id:
            return None
        own = "" if self._cluster_id is None else self._cluster_id.hex()
        return Failure(Reason.WRONG_CLUSTER, f"it is a node of cluster {cluster_id.hex()}, not of {own}", bare=True)

    def _observe(self, told: common_pb2.Revision, asked: float) -> None:
        seen = self._seen.get(told.partition)
        if seen is None:
            self._seen[told.partition] = _Sighting(told.revision, asked)
        elif told.revision > seen.revision:
            seen.revision, seen.asked = told.revision, asked
        elif told.revision == seen.revision:
            seen.asked = max(seen.asked, asked)
