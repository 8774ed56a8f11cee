from onar.kv.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MemberState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEMBER_STATE_UNSPECIFIED: _ClassVar[MemberState]
    MEMBER_STATE_ACTIVE: _ClassVar[MemberState]
    MEMBER_STATE_DRAINING: _ClassVar[MemberState]

class StorageKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STORAGE_KIND_UNSPECIFIED: _ClassVar[StorageKind]
    STORAGE_KIND_MEMORY: _ClassVar[StorageKind]
    STORAGE_KIND_LOG: _ClassVar[StorageKind]
MEMBER_STATE_UNSPECIFIED: MemberState
MEMBER_STATE_ACTIVE: MemberState
MEMBER_STATE_DRAINING: MemberState
STORAGE_KIND_UNSPECIFIED: StorageKind
STORAGE_KIND_MEMORY: StorageKind
STORAGE_KIND_LOG: StorageKind

class View(_message.Message):
    __slots__ = ("epoch", "cluster_id", "previous_digest", "operation_id", "replication_factor", "partition_count", "members", "partitions", "voters")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    REPLICATION_FACTOR_FIELD_NUMBER: _ClassVar[int]
    PARTITION_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    VOTERS_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    cluster_id: bytes
    previous_digest: bytes
    operation_id: bytes
    replication_factor: int
    partition_count: int
    members: _containers.RepeatedCompositeFieldContainer[Member]
    partitions: _containers.RepeatedCompositeFieldContainer[PartitionPlacement]
    voters: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, epoch: _Optional[int] = ..., cluster_id: _Optional[bytes] = ..., previous_digest: _Optional[bytes] = ..., operation_id: _Optional[bytes] = ..., replication_factor: _Optional[int] = ..., partition_count: _Optional[int] = ..., members: _Optional[_Iterable[_Union[Member, _Mapping]]] = ..., partitions: _Optional[_Iterable[_Union[PartitionPlacement, _Mapping]]] = ..., voters: _Optional[_Iterable[int]] = ...) -> None: ...

class Member(_message.Message):
    __slots__ = ("id", "client_address", "peer_address", "zone", "state")
    ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PEER_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    id: int
    client_address: str
    peer_address: str
    zone: str
    state: MemberState
    def __init__(self, id: _Optional[int] = ..., client_address: _Optional[str] = ..., peer_address: _Optional[str] = ..., zone: _Optional[str] = ..., state: _Optional[_Union[MemberState, str]] = ...) -> None: ...

class PartitionPlacement(_message.Message):
    __slots__ = ("partition", "replicas", "group_epoch", "previous")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    partition: int
    replicas: _containers.RepeatedScalarFieldContainer[int]
    group_epoch: int
    previous: PreviousGroup
    def __init__(self, partition: _Optional[int] = ..., replicas: _Optional[_Iterable[int]] = ..., group_epoch: _Optional[int] = ..., previous: _Optional[_Union[PreviousGroup, _Mapping]] = ...) -> None: ...

class PreviousGroup(_message.Message):
    __slots__ = ("group_epoch", "replicas")
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    group_epoch: int
    replicas: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, group_epoch: _Optional[int] = ..., replicas: _Optional[_Iterable[int]] = ...) -> None: ...

class GetViewRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetViewResponse(_message.Message):
    __slots__ = ("header", "view", "digest")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    view: View
    digest: bytes
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., view: _Optional[_Union[View, _Mapping]] = ..., digest: _Optional[bytes] = ...) -> None: ...

class LocateRequest(_message.Message):
    __slots__ = ("key", "partition", "key_space")
    KEY_FIELD_NUMBER: _ClassVar[int]
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    KEY_SPACE_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    partition: int
    key_space: str
    def __init__(self, key: _Optional[bytes] = ..., partition: _Optional[int] = ..., key_space: _Optional[str] = ...) -> None: ...

class LocateResponse(_message.Message):
    __slots__ = ("header", "partition", "replicas", "writer_node_id", "group_epoch", "position")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    WRITER_NODE_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    partition: int
    replicas: _containers.RepeatedCompositeFieldContainer[Member]
    writer_node_id: int
    group_epoch: int
    position: bytes
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., partition: _Optional[int] = ..., replicas: _Optional[_Iterable[_Union[Member, _Mapping]]] = ..., writer_node_id: _Optional[int] = ..., group_epoch: _Optional[int] = ..., position: _Optional[bytes] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ("partitions",)
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    partitions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, partitions: _Optional[_Iterable[int]] = ...) -> None: ...

class StatusResponse(_message.Message):
    __slots__ = ("header", "partitions", "nodes", "open_requests", "held_requests", "peer_frames", "peer_messages", "peer_messages_dropped", "bad_registers", "mended_registers", "purged_tombstones", "disk_full", "disk_standing_ms", "descriptors_short_ms")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    OPEN_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    HELD_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    PEER_FRAMES_FIELD_NUMBER: _ClassVar[int]
    PEER_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    PEER_MESSAGES_DROPPED_FIELD_NUMBER: _ClassVar[int]
    BAD_REGISTERS_FIELD_NUMBER: _ClassVar[int]
    MENDED_REGISTERS_FIELD_NUMBER: _ClassVar[int]
    PURGED_TOMBSTONES_FIELD_NUMBER: _ClassVar[int]
    DISK_FULL_FIELD_NUMBER: _ClassVar[int]
    DISK_STANDING_MS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTORS_SHORT_MS_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    partitions: _containers.RepeatedCompositeFieldContainer[PartitionStatus]
    nodes: _containers.RepeatedCompositeFieldContainer[NodeStatus]
    open_requests: int
    held_requests: int
    peer_frames: int
    peer_messages: int
    peer_messages_dropped: int
    bad_registers: int
    mended_registers: int
    purged_tombstones: int
    disk_full: bool
    disk_standing_ms: int
    descriptors_short_ms: int
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., partitions: _Optional[_Iterable[_Union[PartitionStatus, _Mapping]]] = ..., nodes: _Optional[_Iterable[_Union[NodeStatus, _Mapping]]] = ..., open_requests: _Optional[int] = ..., held_requests: _Optional[int] = ..., peer_frames: _Optional[int] = ..., peer_messages: _Optional[int] = ..., peer_messages_dropped: _Optional[int] = ..., bad_registers: _Optional[int] = ..., mended_registers: _Optional[int] = ..., purged_tombstones: _Optional[int] = ..., disk_full: bool = ..., disk_standing_ms: _Optional[int] = ..., descriptors_short_ms: _Optional[int] = ...) -> None: ...

class PartitionStatus(_message.Message):
    __slots__ = ("partition", "group_epoch", "writer_node_id", "ballot_round", "ballot_node_id", "settled_revision", "replicas", "held_requests", "behind")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    WRITER_NODE_ID_FIELD_NUMBER: _ClassVar[int]
    BALLOT_ROUND_FIELD_NUMBER: _ClassVar[int]
    BALLOT_NODE_ID_FIELD_NUMBER: _ClassVar[int]
    SETTLED_REVISION_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    HELD_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    BEHIND_FIELD_NUMBER: _ClassVar[int]
    partition: int
    group_epoch: int
    writer_node_id: int
    ballot_round: int
    ballot_node_id: int
    settled_revision: int
    replicas: _containers.RepeatedCompositeFieldContainer[ReplicaStatus]
    held_requests: int
    behind: int
    def __init__(self, partition: _Optional[int] = ..., group_epoch: _Optional[int] = ..., writer_node_id: _Optional[int] = ..., ballot_round: _Optional[int] = ..., ballot_node_id: _Optional[int] = ..., settled_revision: _Optional[int] = ..., replicas: _Optional[_Iterable[_Union[ReplicaStatus, _Mapping]]] = ..., held_requests: _Optional[int] = ..., behind: _Optional[int] = ...) -> None: ...

class ReplicaStatus(_message.Message):
    __slots__ = ("node_id", "ready", "heard", "lag")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    HEARD_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    node_id: int
    ready: bool
    heard: bool
    lag: int
    def __init__(self, node_id: _Optional[int] = ..., ready: bool = ..., heard: bool = ..., lag: _Optional[int] = ...) -> None: ...

class NodeStatus(_message.Message):
    __slots__ = ("id", "client_address", "peer_address", "zone", "heard", "storage", "uptime_ms", "software_version", "log_position", "trouble")
    ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PEER_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    HEARD_FIELD_NUMBER: _ClassVar[int]
    STORAGE_FIELD_NUMBER: _ClassVar[int]
    UPTIME_MS_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    LOG_POSITION_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FIELD_NUMBER: _ClassVar[int]
    id: int
    client_address: str
    peer_address: str
    zone: str
    heard: bool
    storage: StorageKind
    uptime_ms: int
    software_version: str
    log_position: int
    trouble: str
    def __init__(self, id: _Optional[int] = ..., client_address: _Optional[str] = ..., peer_address: _Optional[str] = ..., zone: _Optional[str] = ..., heard: bool = ..., storage: _Optional[_Union[StorageKind, str]] = ..., uptime_ms: _Optional[int] = ..., software_version: _Optional[str] = ..., log_position: _Optional[int] = ..., trouble: _Optional[str] = ...) -> None: ...
