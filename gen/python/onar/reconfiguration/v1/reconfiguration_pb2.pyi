from onar.kv.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ClusterSetting(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CLUSTER_SETTING_UNSPECIFIED: _ClassVar[ClusterSetting]
    CLUSTER_SETTING_MOVES_PER_NODE: _ClassVar[ClusterSetting]
    CLUSTER_SETTING_MOVES_PER_CLUSTER: _ClassVar[ClusterSetting]
    CLUSTER_SETTING_TRANSFER_RATE_MIB: _ClassVar[ClusterSetting]
    CLUSTER_SETTING_TRANSFER_PARTITIONS: _ClassVar[ClusterSetting]
    CLUSTER_SETTING_REPLACE_AFTER_MS: _ClassVar[ClusterSetting]

class OperationKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATION_KIND_UNSPECIFIED: _ClassVar[OperationKind]
    OPERATION_KIND_JOIN: _ClassVar[OperationKind]
    OPERATION_KIND_LEAVE: _ClassVar[OperationKind]
    OPERATION_KIND_TRANSFER_WRITER: _ClassVar[OperationKind]
    OPERATION_KIND_DRAIN: _ClassVar[OperationKind]
    OPERATION_KIND_REPLACE: _ClassVar[OperationKind]
    OPERATION_KIND_REMOVE: _ClassVar[OperationKind]
    OPERATION_KIND_REBALANCE: _ClassVar[OperationKind]
    OPERATION_KIND_HEAL: _ClassVar[OperationKind]
    OPERATION_KIND_SET_REPLICATION: _ClassVar[OperationKind]
    OPERATION_KIND_CHANGE_SETTINGS: _ClassVar[OperationKind]

class MemberState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEMBER_STATE_UNSPECIFIED: _ClassVar[MemberState]
    MEMBER_STATE_ACTIVE: _ClassVar[MemberState]
    MEMBER_STATE_DRAINING: _ClassVar[MemberState]
    MEMBER_STATE_LEAVING: _ClassVar[MemberState]
    MEMBER_STATE_LOST: _ClassVar[MemberState]

class StorageKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STORAGE_KIND_UNSPECIFIED: _ClassVar[StorageKind]
    STORAGE_KIND_MEMORY: _ClassVar[StorageKind]
    STORAGE_KIND_LOG: _ClassVar[StorageKind]

class OperationState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATION_STATE_UNSPECIFIED: _ClassVar[OperationState]
    OPERATION_STATE_PENDING: _ClassVar[OperationState]
    OPERATION_STATE_DONE: _ClassVar[OperationState]
    OPERATION_STATE_SUPERSEDED: _ClassVar[OperationState]
    OPERATION_STATE_UNKNOWN: _ClassVar[OperationState]
    OPERATION_STATE_POSSIBLE: _ClassVar[OperationState]
    OPERATION_STATE_OVERTAKEN: _ClassVar[OperationState]
CLUSTER_SETTING_UNSPECIFIED: ClusterSetting
CLUSTER_SETTING_MOVES_PER_NODE: ClusterSetting
CLUSTER_SETTING_MOVES_PER_CLUSTER: ClusterSetting
CLUSTER_SETTING_TRANSFER_RATE_MIB: ClusterSetting
CLUSTER_SETTING_TRANSFER_PARTITIONS: ClusterSetting
CLUSTER_SETTING_REPLACE_AFTER_MS: ClusterSetting
OPERATION_KIND_UNSPECIFIED: OperationKind
OPERATION_KIND_JOIN: OperationKind
OPERATION_KIND_LEAVE: OperationKind
OPERATION_KIND_TRANSFER_WRITER: OperationKind
OPERATION_KIND_DRAIN: OperationKind
OPERATION_KIND_REPLACE: OperationKind
OPERATION_KIND_REMOVE: OperationKind
OPERATION_KIND_REBALANCE: OperationKind
OPERATION_KIND_HEAL: OperationKind
OPERATION_KIND_SET_REPLICATION: OperationKind
OPERATION_KIND_CHANGE_SETTINGS: OperationKind
MEMBER_STATE_UNSPECIFIED: MemberState
MEMBER_STATE_ACTIVE: MemberState
MEMBER_STATE_DRAINING: MemberState
MEMBER_STATE_LEAVING: MemberState
MEMBER_STATE_LOST: MemberState
STORAGE_KIND_UNSPECIFIED: StorageKind
STORAGE_KIND_MEMORY: StorageKind
STORAGE_KIND_LOG: StorageKind
OPERATION_STATE_UNSPECIFIED: OperationState
OPERATION_STATE_PENDING: OperationState
OPERATION_STATE_DONE: OperationState
OPERATION_STATE_SUPERSEDED: OperationState
OPERATION_STATE_UNKNOWN: OperationState
OPERATION_STATE_POSSIBLE: OperationState
OPERATION_STATE_OVERTAKEN: OperationState

class View(_message.Message):
    __slots__ = ("epoch", "cluster_id", "previous_digest", "operation_id", "replication_factor", "partition_count", "members", "partitions", "voters", "wishes", "operations", "forgotten_epoch", "settings")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    REPLICATION_FACTOR_FIELD_NUMBER: _ClassVar[int]
    PARTITION_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    VOTERS_FIELD_NUMBER: _ClassVar[int]
    WISHES_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_EPOCH_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    cluster_id: bytes
    previous_digest: bytes
    operation_id: bytes
    replication_factor: int
    partition_count: int
    members: _containers.RepeatedCompositeFieldContainer[Member]
    partitions: _containers.RepeatedCompositeFieldContainer[PartitionPlacement]
    voters: _containers.RepeatedScalarFieldContainer[int]
    wishes: _containers.RepeatedCompositeFieldContainer[Wish]
    operations: _containers.RepeatedCompositeFieldContainer[DoneOperation]
    forgotten_epoch: int
    settings: ClusterSettings
    def __init__(self, epoch: _Optional[int] = ..., cluster_id: _Optional[bytes] = ..., previous_digest: _Optional[bytes] = ..., operation_id: _Optional[bytes] = ..., replication_factor: _Optional[int] = ..., partition_count: _Optional[int] = ..., members: _Optional[_Iterable[_Union[Member, _Mapping]]] = ..., partitions: _Optional[_Iterable[_Union[PartitionPlacement, _Mapping]]] = ..., voters: _Optional[_Iterable[int]] = ..., wishes: _Optional[_Iterable[_Union[Wish, _Mapping]]] = ..., operations: _Optional[_Iterable[_Union[DoneOperation, _Mapping]]] = ..., forgotten_epoch: _Optional[int] = ..., settings: _Optional[_Union[ClusterSettings, _Mapping]] = ...) -> None: ...

class ClusterSettings(_message.Message):
    __slots__ = ("moves_per_node", "moves_per_cluster", "transfer_rate_mib", "transfer_partitions", "replace_after_ms")
    MOVES_PER_NODE_FIELD_NUMBER: _ClassVar[int]
    MOVES_PER_CLUSTER_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_RATE_MIB_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    REPLACE_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    moves_per_node: int
    moves_per_cluster: int
    transfer_rate_mib: int
    transfer_partitions: int
    replace_after_ms: int
    def __init__(self, moves_per_node: _Optional[int] = ..., moves_per_cluster: _Optional[int] = ..., transfer_rate_mib: _Optional[int] = ..., transfer_partitions: _Optional[int] = ..., replace_after_ms: _Optional[int] = ...) -> None: ...

class Wish(_message.Message):
    __slots__ = ("operation_id", "epoch", "kind", "node_id", "by_node_id", "replicas")
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    BY_NODE_ID_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    operation_id: bytes
    epoch: int
    kind: OperationKind
    node_id: int
    by_node_id: int
    replicas: int
    def __init__(self, operation_id: _Optional[bytes] = ..., epoch: _Optional[int] = ..., kind: _Optional[_Union[OperationKind, str]] = ..., node_id: _Optional[int] = ..., by_node_id: _Optional[int] = ..., replicas: _Optional[int] = ...) -> None: ...

class DoneOperation(_message.Message):
    __slots__ = ("operation_id", "epoch", "kind", "node_id", "done_epoch", "by_node_id", "replicas")
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    DONE_EPOCH_FIELD_NUMBER: _ClassVar[int]
    BY_NODE_ID_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    operation_id: bytes
    epoch: int
    kind: OperationKind
    node_id: int
    done_epoch: int
    by_node_id: int
    replicas: int
    def __init__(self, operation_id: _Optional[bytes] = ..., epoch: _Optional[int] = ..., kind: _Optional[_Union[OperationKind, str]] = ..., node_id: _Optional[int] = ..., done_epoch: _Optional[int] = ..., by_node_id: _Optional[int] = ..., replicas: _Optional[int] = ...) -> None: ...

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
    __slots__ = ("partition", "replicas", "group_epoch", "previous", "ready", "preferred_node_id")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    PREFERRED_NODE_ID_FIELD_NUMBER: _ClassVar[int]
    partition: int
    replicas: _containers.RepeatedScalarFieldContainer[int]
    group_epoch: int
    previous: PreviousGroup
    ready: _containers.RepeatedCompositeFieldContainer[ReadyReplica]
    preferred_node_id: int
    def __init__(self, partition: _Optional[int] = ..., replicas: _Optional[_Iterable[int]] = ..., group_epoch: _Optional[int] = ..., previous: _Optional[_Union[PreviousGroup, _Mapping]] = ..., ready: _Optional[_Iterable[_Union[ReadyReplica, _Mapping]]] = ..., preferred_node_id: _Optional[int] = ...) -> None: ...

class PreviousGroup(_message.Message):
    __slots__ = ("group_epoch", "replicas")
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    group_epoch: int
    replicas: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, group_epoch: _Optional[int] = ..., replicas: _Optional[_Iterable[int]] = ...) -> None: ...

class ReadyReplica(_message.Message):
    __slots__ = ("node_id", "bad_keys")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    BAD_KEYS_FIELD_NUMBER: _ClassVar[int]
    node_id: int
    bad_keys: int
    def __init__(self, node_id: _Optional[int] = ..., bad_keys: _Optional[int] = ...) -> None: ...

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
    __slots__ = ("header", "partitions", "nodes", "open_requests", "held_requests", "peer_frames", "peer_messages", "peer_messages_dropped", "bad_registers", "mended_registers", "purged_tombstones", "disk_full", "disk_standing_ms", "descriptors_short_ms", "disk_free_bytes", "disk_room_bytes")
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
    DISK_FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DISK_ROOM_BYTES_FIELD_NUMBER: _ClassVar[int]
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
    disk_free_bytes: int
    disk_room_bytes: int
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., partitions: _Optional[_Iterable[_Union[PartitionStatus, _Mapping]]] = ..., nodes: _Optional[_Iterable[_Union[NodeStatus, _Mapping]]] = ..., open_requests: _Optional[int] = ..., held_requests: _Optional[int] = ..., peer_frames: _Optional[int] = ..., peer_messages: _Optional[int] = ..., peer_messages_dropped: _Optional[int] = ..., bad_registers: _Optional[int] = ..., mended_registers: _Optional[int] = ..., purged_tombstones: _Optional[int] = ..., disk_full: bool = ..., disk_standing_ms: _Optional[int] = ..., descriptors_short_ms: _Optional[int] = ..., disk_free_bytes: _Optional[int] = ..., disk_room_bytes: _Optional[int] = ...) -> None: ...

class PartitionStatus(_message.Message):
    __slots__ = ("partition", "group_epoch", "writer_node_id", "ballot_round", "ballot_node_id", "settled_revision", "replicas", "held_requests", "behind", "moving", "keys", "bytes")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    WRITER_NODE_ID_FIELD_NUMBER: _ClassVar[int]
    BALLOT_ROUND_FIELD_NUMBER: _ClassVar[int]
    BALLOT_NODE_ID_FIELD_NUMBER: _ClassVar[int]
    SETTLED_REVISION_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    HELD_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    BEHIND_FIELD_NUMBER: _ClassVar[int]
    MOVING_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    partition: int
    group_epoch: int
    writer_node_id: int
    ballot_round: int
    ballot_node_id: int
    settled_revision: int
    replicas: _containers.RepeatedCompositeFieldContainer[ReplicaStatus]
    held_requests: int
    behind: int
    moving: bool
    keys: int
    bytes: int
    def __init__(self, partition: _Optional[int] = ..., group_epoch: _Optional[int] = ..., writer_node_id: _Optional[int] = ..., ballot_round: _Optional[int] = ..., ballot_node_id: _Optional[int] = ..., settled_revision: _Optional[int] = ..., replicas: _Optional[_Iterable[_Union[ReplicaStatus, _Mapping]]] = ..., held_requests: _Optional[int] = ..., behind: _Optional[int] = ..., moving: bool = ..., keys: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

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

class WatchViewRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchViewResponse(_message.Message):
    __slots__ = ("header", "view", "digest")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    view: View
    digest: bytes
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., view: _Optional[_Union[View, _Mapping]] = ..., digest: _Optional[bytes] = ...) -> None: ...

class JoinRequest(_message.Message):
    __slots__ = ("operation_id", "epoch", "dry_run", "member")
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    operation_id: bytes
    epoch: int
    dry_run: bool
    member: Member
    def __init__(self, operation_id: _Optional[bytes] = ..., epoch: _Optional[int] = ..., dry_run: bool = ..., member: _Optional[_Union[Member, _Mapping]] = ...) -> None: ...

class JoinResponse(_message.Message):
    __slots__ = ("header", "operation", "view")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    operation: Operation
    view: View
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., operation: _Optional[_Union[Operation, _Mapping]] = ..., view: _Optional[_Union[View, _Mapping]] = ...) -> None: ...

class LeaveRequest(_message.Message):
    __slots__ = ("operation_id", "epoch", "dry_run", "node_id")
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    operation_id: bytes
    epoch: int
    dry_run: bool
    node_id: int
    def __init__(self, operation_id: _Optional[bytes] = ..., epoch: _Optional[int] = ..., dry_run: bool = ..., node_id: _Optional[int] = ...) -> None: ...

class LeaveResponse(_message.Message):
    __slots__ = ("header", "operation", "view")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    operation: Operation
    view: View
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., operation: _Optional[_Union[Operation, _Mapping]] = ..., view: _Optional[_Union[View, _Mapping]] = ...) -> None: ...

class TransferWriterRequest(_message.Message):
    __slots__ = ("partitions", "operation_id", "epoch", "dry_run", "node_id", "all")
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    partitions: _containers.RepeatedScalarFieldContainer[int]
    operation_id: bytes
    epoch: int
    dry_run: bool
    node_id: int
    all: bool
    def __init__(self, partitions: _Optional[_Iterable[int]] = ..., operation_id: _Optional[bytes] = ..., epoch: _Optional[int] = ..., dry_run: bool = ..., node_id: _Optional[int] = ..., all: bool = ...) -> None: ...

class TransferWriterResponse(_message.Message):
    __slots__ = ("header", "operation", "view")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    operation: Operation
    view: View
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., operation: _Optional[_Union[Operation, _Mapping]] = ..., view: _Optional[_Union[View, _Mapping]] = ...) -> None: ...

class DrainRequest(_message.Message):
    __slots__ = ("operation_id", "epoch", "dry_run", "node_id")
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    operation_id: bytes
    epoch: int
    dry_run: bool
    node_id: int
    def __init__(self, operation_id: _Optional[bytes] = ..., epoch: _Optional[int] = ..., dry_run: bool = ..., node_id: _Optional[int] = ...) -> None: ...

class DrainResponse(_message.Message):
    __slots__ = ("header", "operation", "view", "moves")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    operation: Operation
    view: View
    moves: _containers.RepeatedCompositeFieldContainer[ReplicaMove]
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., operation: _Optional[_Union[Operation, _Mapping]] = ..., view: _Optional[_Union[View, _Mapping]] = ..., moves: _Optional[_Iterable[_Union[ReplicaMove, _Mapping]]] = ...) -> None: ...

class ReplaceRequest(_message.Message):
    __slots__ = ("operation_id", "epoch", "dry_run", "node_id", "by_node_id")
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    BY_NODE_ID_FIELD_NUMBER: _ClassVar[int]
    operation_id: bytes
    epoch: int
    dry_run: bool
    node_id: int
    by_node_id: int
    def __init__(self, operation_id: _Optional[bytes] = ..., epoch: _Optional[int] = ..., dry_run: bool = ..., node_id: _Optional[int] = ..., by_node_id: _Optional[int] = ...) -> None: ...

class ReplaceResponse(_message.Message):
    __slots__ = ("header", "operation", "view", "moves")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    operation: Operation
    view: View
    moves: _containers.RepeatedCompositeFieldContainer[ReplicaMove]
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., operation: _Optional[_Union[Operation, _Mapping]] = ..., view: _Optional[_Union[View, _Mapping]] = ..., moves: _Optional[_Iterable[_Union[ReplicaMove, _Mapping]]] = ...) -> None: ...

class RemoveRequest(_message.Message):
    __slots__ = ("operation_id", "epoch", "dry_run", "node_id", "force")
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    operation_id: bytes
    epoch: int
    dry_run: bool
    node_id: int
    force: bool
    def __init__(self, operation_id: _Optional[bytes] = ..., epoch: _Optional[int] = ..., dry_run: bool = ..., node_id: _Optional[int] = ..., force: bool = ...) -> None: ...

class RemoveResponse(_message.Message):
    __slots__ = ("header", "operation", "view", "moves")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    operation: Operation
    view: View
    moves: _containers.RepeatedCompositeFieldContainer[ReplicaMove]
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., operation: _Optional[_Union[Operation, _Mapping]] = ..., view: _Optional[_Union[View, _Mapping]] = ..., moves: _Optional[_Iterable[_Union[ReplicaMove, _Mapping]]] = ...) -> None: ...

class RebalanceRequest(_message.Message):
    __slots__ = ("operation_id", "epoch", "dry_run")
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    operation_id: bytes
    epoch: int
    dry_run: bool
    def __init__(self, operation_id: _Optional[bytes] = ..., epoch: _Optional[int] = ..., dry_run: bool = ...) -> None: ...

class RebalanceResponse(_message.Message):
    __slots__ = ("header", "operation", "view", "moves")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    operation: Operation
    view: View
    moves: _containers.RepeatedCompositeFieldContainer[ReplicaMove]
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., operation: _Optional[_Union[Operation, _Mapping]] = ..., view: _Optional[_Union[View, _Mapping]] = ..., moves: _Optional[_Iterable[_Union[ReplicaMove, _Mapping]]] = ...) -> None: ...

class SetReplicationRequest(_message.Message):
    __slots__ = ("operation_id", "epoch", "dry_run", "replicas")
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    operation_id: bytes
    epoch: int
    dry_run: bool
    replicas: int
    def __init__(self, operation_id: _Optional[bytes] = ..., epoch: _Optional[int] = ..., dry_run: bool = ..., replicas: _Optional[int] = ...) -> None: ...

class SetReplicationResponse(_message.Message):
    __slots__ = ("header", "operation", "view", "moves")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    operation: Operation
    view: View
    moves: _containers.RepeatedCompositeFieldContainer[ReplicaMove]
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., operation: _Optional[_Union[Operation, _Mapping]] = ..., view: _Optional[_Union[View, _Mapping]] = ..., moves: _Optional[_Iterable[_Union[ReplicaMove, _Mapping]]] = ...) -> None: ...

class ChangeSettingsRequest(_message.Message):
    __slots__ = ("operation_id", "epoch", "dry_run", "settings", "unset")
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    UNSET_FIELD_NUMBER: _ClassVar[int]
    operation_id: bytes
    epoch: int
    dry_run: bool
    settings: ClusterSettings
    unset: _containers.RepeatedScalarFieldContainer[ClusterSetting]
    def __init__(self, operation_id: _Optional[bytes] = ..., epoch: _Optional[int] = ..., dry_run: bool = ..., settings: _Optional[_Union[ClusterSettings, _Mapping]] = ..., unset: _Optional[_Iterable[_Union[ClusterSetting, str]]] = ...) -> None: ...

class ChangeSettingsResponse(_message.Message):
    __slots__ = ("header", "operation", "view")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    operation: Operation
    view: View
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., operation: _Optional[_Union[Operation, _Mapping]] = ..., view: _Optional[_Union[View, _Mapping]] = ...) -> None: ...

class ReplicaMove(_message.Message):
    __slots__ = ("partition", "from_node_id", "to_node_id", "keys", "bytes")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    FROM_NODE_ID_FIELD_NUMBER: _ClassVar[int]
    TO_NODE_ID_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    partition: int
    from_node_id: int
    to_node_id: int
    keys: int
    bytes: int
    def __init__(self, partition: _Optional[int] = ..., from_node_id: _Optional[int] = ..., to_node_id: _Optional[int] = ..., keys: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class GetOperationRequest(_message.Message):
    __slots__ = ("operation_id", "epoch")
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    operation_id: bytes
    epoch: int
    def __init__(self, operation_id: _Optional[bytes] = ..., epoch: _Optional[int] = ...) -> None: ...

class GetOperationResponse(_message.Message):
    __slots__ = ("header", "operation")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    operation: Operation
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., operation: _Optional[_Union[Operation, _Mapping]] = ...) -> None: ...

class ListOperationsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListOperationsResponse(_message.Message):
    __slots__ = ("header", "operations", "forgotten_epoch")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_EPOCH_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    operations: _containers.RepeatedCompositeFieldContainer[Operation]
    forgotten_epoch: int
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., operations: _Optional[_Iterable[_Union[Operation, _Mapping]]] = ..., forgotten_epoch: _Optional[int] = ...) -> None: ...

class WatchOperationRequest(_message.Message):
    __slots__ = ("operation_id", "epoch")
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    operation_id: bytes
    epoch: int
    def __init__(self, operation_id: _Optional[bytes] = ..., epoch: _Optional[int] = ...) -> None: ...

class WatchOperationResponse(_message.Message):
    __slots__ = ("header", "operation")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    operation: Operation
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., operation: _Optional[_Union[Operation, _Mapping]] = ...) -> None: ...

class Operation(_message.Message):
    __slots__ = ("id", "kind", "node_id", "epoch", "state", "done_epoch", "explanation", "partitions_left", "partitions_moving", "by_node_id", "progress", "replicas")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DONE_EPOCH_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_LEFT_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_MOVING_FIELD_NUMBER: _ClassVar[int]
    BY_NODE_ID_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    kind: OperationKind
    node_id: int
    epoch: int
    state: OperationState
    done_epoch: int
    explanation: str
    partitions_left: int
    partitions_moving: int
    by_node_id: int
    progress: MoveProgress
    replicas: int
    def __init__(self, id: _Optional[bytes] = ..., kind: _Optional[_Union[OperationKind, str]] = ..., node_id: _Optional[int] = ..., epoch: _Optional[int] = ..., state: _Optional[_Union[OperationState, str]] = ..., done_epoch: _Optional[int] = ..., explanation: _Optional[str] = ..., partitions_left: _Optional[int] = ..., partitions_moving: _Optional[int] = ..., by_node_id: _Optional[int] = ..., progress: _Optional[_Union[MoveProgress, _Mapping]] = ..., replicas: _Optional[int] = ...) -> None: ...

class MoveProgress(_message.Message):
    __slots__ = ("partitions", "partitions_done", "keys", "keys_moved", "bytes", "bytes_moved", "time_left_ms")
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_DONE_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    KEYS_MOVED_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    BYTES_MOVED_FIELD_NUMBER: _ClassVar[int]
    TIME_LEFT_MS_FIELD_NUMBER: _ClassVar[int]
    partitions: int
    partitions_done: int
    keys: int
    keys_moved: int
    bytes: int
    bytes_moved: int
    time_left_ms: int
    def __init__(self, partitions: _Optional[int] = ..., partitions_done: _Optional[int] = ..., keys: _Optional[int] = ..., keys_moved: _Optional[int] = ..., bytes: _Optional[int] = ..., bytes_moved: _Optional[int] = ..., time_left_ms: _Optional[int] = ...) -> None: ...
