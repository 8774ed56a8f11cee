from onar.kv.v1 import kv_pb2 as _kv_pb2
from onar.reconfiguration.v1 import reconfiguration_pb2 as _reconfiguration_pb2
from onar.replication.v1 import register_pb2 as _register_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RefusalReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REFUSAL_REASON_UNSPECIFIED: _ClassVar[RefusalReason]
    REFUSAL_REASON_OTHER_CLUSTER: _ClassVar[RefusalReason]
    REFUSAL_REASON_OTHER_PROTOCOL_VERSION: _ClassVar[RefusalReason]
    REFUSAL_REASON_REMOVED_NODE: _ClassVar[RefusalReason]
    REFUSAL_REASON_OTHER_VIEW: _ClassVar[RefusalReason]
    REFUSAL_REASON_ROLLED_BACK: _ClassVar[RefusalReason]
    REFUSAL_REASON_SELF: _ClassVar[RefusalReason]
    REFUSAL_REASON_OTHER_SIDE_DIALS: _ClassVar[RefusalReason]
    REFUSAL_REASON_BAD_HANDSHAKE: _ClassVar[RefusalReason]
    REFUSAL_REASON_NOT_A_MEMBER: _ClassVar[RefusalReason]
    REFUSAL_REASON_DUPLICATE_NODE_ID: _ClassVar[RefusalReason]
    REFUSAL_REASON_STOPPING: _ClassVar[RefusalReason]
    REFUSAL_REASON_NOT_AUTHENTICATED: _ClassVar[RefusalReason]
    REFUSAL_REASON_OTHER_NODE: _ClassVar[RefusalReason]

class RefusedMessage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REFUSED_MESSAGE_UNSPECIFIED: _ClassVar[RefusedMessage]
    REFUSED_MESSAGE_PREPARE: _ClassVar[RefusedMessage]
    REFUSED_MESSAGE_RECOVER: _ClassVar[RefusedMessage]
    REFUSED_MESSAGE_RESERVE: _ClassVar[RefusedMessage]
    REFUSED_MESSAGE_CONFIRM: _ClassVar[RefusedMessage]
    REFUSED_MESSAGE_WRITE: _ClassVar[RefusedMessage]
    REFUSED_MESSAGE_IMPOSE: _ClassVar[RefusedMessage]
    REFUSED_MESSAGE_PURGE: _ClassVar[RefusedMessage]

class RefusedReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REFUSED_REASON_UNSPECIFIED: _ClassVar[RefusedReason]
    REFUSED_REASON_NOT_WRITER: _ClassVar[RefusedReason]
    REFUSED_REASON_NOT_REPLICA: _ClassVar[RefusedReason]
    REFUSED_REASON_NO_QUORUM: _ClassVar[RefusedReason]
    REFUSED_REASON_NOT_A_NUMBER: _ClassVar[RefusedReason]
    REFUSED_REASON_OVERFLOW: _ClassVar[RefusedReason]
    REFUSED_REASON_REQUEST_ID_REUSED: _ClassVar[RefusedReason]
    REFUSED_REASON_AFTER_IN_FUTURE: _ClassVar[RefusedReason]
    REFUSED_REASON_OVERLOADED: _ClassVar[RefusedReason]
    REFUSED_REASON_DRAINING: _ClassVar[RefusedReason]
    REFUSED_REASON_DISK_FULL: _ClassVar[RefusedReason]

class UnknownReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNKNOWN_REASON_UNSPECIFIED: _ClassVar[UnknownReason]
    UNKNOWN_REASON_OUTCOME_UNKNOWN: _ClassVar[UnknownReason]
    UNKNOWN_REASON_REQUEST_EXPIRED: _ClassVar[UnknownReason]

class StartRefusedReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    START_REFUSED_REASON_UNSPECIFIED: _ClassVar[StartRefusedReason]
    START_REFUSED_REASON_LOWER_BALLOT: _ClassVar[StartRefusedReason]
    START_REFUSED_REASON_OTHER_LIST: _ClassVar[StartRefusedReason]
    START_REFUSED_REASON_NOT_PROMISED: _ClassVar[StartRefusedReason]
    START_REFUSED_REASON_NOT_EMPTY: _ClassVar[StartRefusedReason]
    START_REFUSED_REASON_BAD_VIEW: _ClassVar[StartRefusedReason]
    START_REFUSED_REASON_DUPLICATE_NODE_ID: _ClassVar[StartRefusedReason]
REFUSAL_REASON_UNSPECIFIED: RefusalReason
REFUSAL_REASON_OTHER_CLUSTER: RefusalReason
REFUSAL_REASON_OTHER_PROTOCOL_VERSION: RefusalReason
REFUSAL_REASON_REMOVED_NODE: RefusalReason
REFUSAL_REASON_OTHER_VIEW: RefusalReason
REFUSAL_REASON_ROLLED_BACK: RefusalReason
REFUSAL_REASON_SELF: RefusalReason
REFUSAL_REASON_OTHER_SIDE_DIALS: RefusalReason
REFUSAL_REASON_BAD_HANDSHAKE: RefusalReason
REFUSAL_REASON_NOT_A_MEMBER: RefusalReason
REFUSAL_REASON_DUPLICATE_NODE_ID: RefusalReason
REFUSAL_REASON_STOPPING: RefusalReason
REFUSAL_REASON_NOT_AUTHENTICATED: RefusalReason
REFUSAL_REASON_OTHER_NODE: RefusalReason
REFUSED_MESSAGE_UNSPECIFIED: RefusedMessage
REFUSED_MESSAGE_PREPARE: RefusedMessage
REFUSED_MESSAGE_RECOVER: RefusedMessage
REFUSED_MESSAGE_RESERVE: RefusedMessage
REFUSED_MESSAGE_CONFIRM: RefusedMessage
REFUSED_MESSAGE_WRITE: RefusedMessage
REFUSED_MESSAGE_IMPOSE: RefusedMessage
REFUSED_MESSAGE_PURGE: RefusedMessage
REFUSED_REASON_UNSPECIFIED: RefusedReason
REFUSED_REASON_NOT_WRITER: RefusedReason
REFUSED_REASON_NOT_REPLICA: RefusedReason
REFUSED_REASON_NO_QUORUM: RefusedReason
REFUSED_REASON_NOT_A_NUMBER: RefusedReason
REFUSED_REASON_OVERFLOW: RefusedReason
REFUSED_REASON_REQUEST_ID_REUSED: RefusedReason
REFUSED_REASON_AFTER_IN_FUTURE: RefusedReason
REFUSED_REASON_OVERLOADED: RefusedReason
REFUSED_REASON_DRAINING: RefusedReason
REFUSED_REASON_DISK_FULL: RefusedReason
UNKNOWN_REASON_UNSPECIFIED: UnknownReason
UNKNOWN_REASON_OUTCOME_UNKNOWN: UnknownReason
UNKNOWN_REASON_REQUEST_EXPIRED: UnknownReason
START_REFUSED_REASON_UNSPECIFIED: StartRefusedReason
START_REFUSED_REASON_LOWER_BALLOT: StartRefusedReason
START_REFUSED_REASON_OTHER_LIST: StartRefusedReason
START_REFUSED_REASON_NOT_PROMISED: StartRefusedReason
START_REFUSED_REASON_NOT_EMPTY: StartRefusedReason
START_REFUSED_REASON_BAD_VIEW: StartRefusedReason
START_REFUSED_REASON_DUPLICATE_NODE_ID: StartRefusedReason

class Frame(_message.Message):
    __slots__ = ("view_epoch", "messages", "handshake", "refusal", "authentication", "view_digest")
    VIEW_EPOCH_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    HANDSHAKE_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    AUTHENTICATION_FIELD_NUMBER: _ClassVar[int]
    VIEW_DIGEST_FIELD_NUMBER: _ClassVar[int]
    view_epoch: int
    messages: _containers.RepeatedCompositeFieldContainer[PeerMessage]
    handshake: Handshake
    refusal: Refusal
    authentication: Authentication
    view_digest: bytes
    def __init__(self, view_epoch: _Optional[int] = ..., messages: _Optional[_Iterable[_Union[PeerMessage, _Mapping]]] = ..., handshake: _Optional[_Union[Handshake, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ..., authentication: _Optional[_Union[Authentication, _Mapping]] = ..., view_digest: _Optional[bytes] = ...) -> None: ...

class Authentication(_message.Message):
    __slots__ = ("hello", "challenge", "proof", "welcome")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    challenge: Challenge
    proof: Proof
    welcome: Welcome
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., challenge: _Optional[_Union[Challenge, _Mapping]] = ..., proof: _Optional[_Union[Proof, _Mapping]] = ..., welcome: _Optional[_Union[Welcome, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("nonce", "node_id", "peer_address", "cluster_id", "dialed_node_id", "dialed_address")
    NONCE_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    PEER_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    DIALED_NODE_ID_FIELD_NUMBER: _ClassVar[int]
    DIALED_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    nonce: bytes
    node_id: int
    peer_address: str
    cluster_id: bytes
    dialed_node_id: int
    dialed_address: str
    def __init__(self, nonce: _Optional[bytes] = ..., node_id: _Optional[int] = ..., peer_address: _Optional[str] = ..., cluster_id: _Optional[bytes] = ..., dialed_node_id: _Optional[int] = ..., dialed_address: _Optional[str] = ...) -> None: ...

class Challenge(_message.Message):
    __slots__ = ("nonce",)
    NONCE_FIELD_NUMBER: _ClassVar[int]
    nonce: bytes
    def __init__(self, nonce: _Optional[bytes] = ...) -> None: ...

class Proof(_message.Message):
    __slots__ = ("proof",)
    PROOF_FIELD_NUMBER: _ClassVar[int]
    proof: bytes
    def __init__(self, proof: _Optional[bytes] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("node_id", "peer_address", "cluster_id", "proof")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    PEER_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    node_id: int
    peer_address: str
    cluster_id: bytes
    proof: bytes
    def __init__(self, node_id: _Optional[int] = ..., peer_address: _Optional[str] = ..., cluster_id: _Optional[bytes] = ..., proof: _Optional[bytes] = ...) -> None: ...

class Handshake(_message.Message):
    __slots__ = ("protocol_version", "cluster_id", "node_id", "view_epoch", "view_digest", "log_position", "client_address", "peer_address", "zone", "storage", "uptime_ms", "software_version", "meant_node_id", "position_proof", "seen_position", "seen_proof")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    VIEW_EPOCH_FIELD_NUMBER: _ClassVar[int]
    VIEW_DIGEST_FIELD_NUMBER: _ClassVar[int]
    LOG_POSITION_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PEER_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    STORAGE_FIELD_NUMBER: _ClassVar[int]
    UPTIME_MS_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    MEANT_NODE_ID_FIELD_NUMBER: _ClassVar[int]
    POSITION_PROOF_FIELD_NUMBER: _ClassVar[int]
    SEEN_POSITION_FIELD_NUMBER: _ClassVar[int]
    SEEN_PROOF_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    cluster_id: bytes
    node_id: int
    view_epoch: int
    view_digest: bytes
    log_position: int
    client_address: str
    peer_address: str
    zone: str
    storage: _reconfiguration_pb2.StorageKind
    uptime_ms: int
    software_version: str
    meant_node_id: int
    position_proof: bytes
    seen_position: int
    seen_proof: bytes
    def __init__(self, protocol_version: _Optional[int] = ..., cluster_id: _Optional[bytes] = ..., node_id: _Optional[int] = ..., view_epoch: _Optional[int] = ..., view_digest: _Optional[bytes] = ..., log_position: _Optional[int] = ..., client_address: _Optional[str] = ..., peer_address: _Optional[str] = ..., zone: _Optional[str] = ..., storage: _Optional[_Union[_reconfiguration_pb2.StorageKind, str]] = ..., uptime_ms: _Optional[int] = ..., software_version: _Optional[str] = ..., meant_node_id: _Optional[int] = ..., position_proof: _Optional[bytes] = ..., seen_position: _Optional[int] = ..., seen_proof: _Optional[bytes] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("reason", "text", "expected")
    REASON_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    reason: RefusalReason
    text: str
    expected: str
    def __init__(self, reason: _Optional[_Union[RefusalReason, str]] = ..., text: _Optional[str] = ..., expected: _Optional[str] = ...) -> None: ...

class TraceContext(_message.Message):
    __slots__ = ("trace_id", "span_id")
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    trace_id: bytes
    span_id: bytes
    def __init__(self, trace_id: _Optional[bytes] = ..., span_id: _Optional[bytes] = ...) -> None: ...

class PeerMessage(_message.Message):
    __slots__ = ("write", "written", "read", "read_answer", "forward", "forwarded", "impose", "imposed", "recover", "recovered", "confirm", "confirmed", "nack", "heartbeat", "heartbeat_answer", "prepare", "promised", "reserve", "reserved", "hand_over", "handed_over", "your_turn", "ask_changes", "changes", "ask_tombstone", "tombstone_held", "purge", "purged", "view_prepare", "view_promised", "view_accept", "view_accepted", "view_refused", "view_wanted", "view_news", "view_held", "join_wish", "leave_wish", "operation_wish", "copies_ready", "ask_states", "states", "ask_keys", "keys_held", "trace")
    WRITE_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    READ_ANSWER_FIELD_NUMBER: _ClassVar[int]
    FORWARD_FIELD_NUMBER: _ClassVar[int]
    FORWARDED_FIELD_NUMBER: _ClassVar[int]
    IMPOSE_FIELD_NUMBER: _ClassVar[int]
    IMPOSED_FIELD_NUMBER: _ClassVar[int]
    RECOVER_FIELD_NUMBER: _ClassVar[int]
    RECOVERED_FIELD_NUMBER: _ClassVar[int]
    CONFIRM_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    NACK_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_ANSWER_FIELD_NUMBER: _ClassVar[int]
    PREPARE_FIELD_NUMBER: _ClassVar[int]
    PROMISED_FIELD_NUMBER: _ClassVar[int]
    RESERVE_FIELD_NUMBER: _ClassVar[int]
    RESERVED_FIELD_NUMBER: _ClassVar[int]
    HAND_OVER_FIELD_NUMBER: _ClassVar[int]
    HANDED_OVER_FIELD_NUMBER: _ClassVar[int]
    YOUR_TURN_FIELD_NUMBER: _ClassVar[int]
    ASK_CHANGES_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    ASK_TOMBSTONE_FIELD_NUMBER: _ClassVar[int]
    TOMBSTONE_HELD_FIELD_NUMBER: _ClassVar[int]
    PURGE_FIELD_NUMBER: _ClassVar[int]
    PURGED_FIELD_NUMBER: _ClassVar[int]
    VIEW_PREPARE_FIELD_NUMBER: _ClassVar[int]
    VIEW_PROMISED_FIELD_NUMBER: _ClassVar[int]
    VIEW_ACCEPT_FIELD_NUMBER: _ClassVar[int]
    VIEW_ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    VIEW_REFUSED_FIELD_NUMBER: _ClassVar[int]
    VIEW_WANTED_FIELD_NUMBER: _ClassVar[int]
    VIEW_NEWS_FIELD_NUMBER: _ClassVar[int]
    VIEW_HELD_FIELD_NUMBER: _ClassVar[int]
    JOIN_WISH_FIELD_NUMBER: _ClassVar[int]
    LEAVE_WISH_FIELD_NUMBER: _ClassVar[int]
    OPERATION_WISH_FIELD_NUMBER: _ClassVar[int]
    COPIES_READY_FIELD_NUMBER: _ClassVar[int]
    ASK_STATES_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    ASK_KEYS_FIELD_NUMBER: _ClassVar[int]
    KEYS_HELD_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    write: Write
    written: Written
    read: Read
    read_answer: ReadAnswer
    forward: Forward
    forwarded: Forwarded
    impose: Impose
    imposed: Imposed
    recover: Recover
    recovered: Recovered
    confirm: Confirm
    confirmed: Confirmed
    nack: Nack
    heartbeat: Heartbeat
    heartbeat_answer: HeartbeatAnswer
    prepare: Prepare
    promised: Promised
    reserve: Reserve
    reserved: Reserved
    hand_over: HandOver
    handed_over: HandedOver
    your_turn: YourTurn
    ask_changes: AskChanges
    changes: Changes
    ask_tombstone: AskTombstone
    tombstone_held: TombstoneHeld
    purge: Purge
    purged: Purged
    view_prepare: ViewPrepare
    view_promised: ViewPromised
    view_accept: ViewAccept
    view_accepted: ViewAccepted
    view_refused: ViewRefused
    view_wanted: ViewWanted
    view_news: ViewNews
    view_held: ViewHeld
    join_wish: JoinWish
    leave_wish: LeaveWish
    operation_wish: OperationWish
    copies_ready: CopiesReady
    ask_states: AskStates
    states: States
    ask_keys: AskKeys
    keys_held: KeysHeld
    trace: TraceContext
    def __init__(self, write: _Optional[_Union[Write, _Mapping]] = ..., written: _Optional[_Union[Written, _Mapping]] = ..., read: _Optional[_Union[Read, _Mapping]] = ..., read_answer: _Optional[_Union[ReadAnswer, _Mapping]] = ..., forward: _Optional[_Union[Forward, _Mapping]] = ..., forwarded: _Optional[_Union[Forwarded, _Mapping]] = ..., impose: _Optional[_Union[Impose, _Mapping]] = ..., imposed: _Optional[_Union[Imposed, _Mapping]] = ..., recover: _Optional[_Union[Recover, _Mapping]] = ..., recovered: _Optional[_Union[Recovered, _Mapping]] = ..., confirm: _Optional[_Union[Confirm, _Mapping]] = ..., confirmed: _Optional[_Union[Confirmed, _Mapping]] = ..., nack: _Optional[_Union[Nack, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., heartbeat_answer: _Optional[_Union[HeartbeatAnswer, _Mapping]] = ..., prepare: _Optional[_Union[Prepare, _Mapping]] = ..., promised: _Optional[_Union[Promised, _Mapping]] = ..., reserve: _Optional[_Union[Reserve, _Mapping]] = ..., reserved: _Optional[_Union[Reserved, _Mapping]] = ..., hand_over: _Optional[_Union[HandOver, _Mapping]] = ..., handed_over: _Optional[_Union[HandedOver, _Mapping]] = ..., your_turn: _Optional[_Union[YourTurn, _Mapping]] = ..., ask_changes: _Optional[_Union[AskChanges, _Mapping]] = ..., changes: _Optional[_Union[Changes, _Mapping]] = ..., ask_tombstone: _Optional[_Union[AskTombstone, _Mapping]] = ..., tombstone_held: _Optional[_Union[TombstoneHeld, _Mapping]] = ..., purge: _Optional[_Union[Purge, _Mapping]] = ..., purged: _Optional[_Union[Purged, _Mapping]] = ..., view_prepare: _Optional[_Union[ViewPrepare, _Mapping]] = ..., view_promised: _Optional[_Union[ViewPromised, _Mapping]] = ..., view_accept: _Optional[_Union[ViewAccept, _Mapping]] = ..., view_accepted: _Optional[_Union[ViewAccepted, _Mapping]] = ..., view_refused: _Optional[_Union[ViewRefused, _Mapping]] = ..., view_wanted: _Optional[_Union[ViewWanted, _Mapping]] = ..., view_news: _Optional[_Union[ViewNews, _Mapping]] = ..., view_held: _Optional[_Union[ViewHeld, _Mapping]] = ..., join_wish: _Optional[_Union[JoinWish, _Mapping]] = ..., leave_wish: _Optional[_Union[LeaveWish, _Mapping]] = ..., operation_wish: _Optional[_Union[OperationWish, _Mapping]] = ..., copies_ready: _Optional[_Union[CopiesReady, _Mapping]] = ..., ask_states: _Optional[_Union[AskStates, _Mapping]] = ..., states: _Optional[_Union[States, _Mapping]] = ..., ask_keys: _Optional[_Union[AskKeys, _Mapping]] = ..., keys_held: _Optional[_Union[KeysHeld, _Mapping]] = ..., trace: _Optional[_Union[TraceContext, _Mapping]] = ...) -> None: ...

class ViewPrepare(_message.Message):
    __slots__ = ("ballot", "digest")
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    ballot: _register_pb2.Ballot
    digest: bytes
    def __init__(self, ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., digest: _Optional[bytes] = ...) -> None: ...

class ViewPromised(_message.Message):
    __slots__ = ("ballot", "accepted_ballot", "accepted_view")
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_BALLOT_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_VIEW_FIELD_NUMBER: _ClassVar[int]
    ballot: _register_pb2.Ballot
    accepted_ballot: _register_pb2.Ballot
    accepted_view: bytes
    def __init__(self, ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., accepted_ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., accepted_view: _Optional[bytes] = ...) -> None: ...

class ViewAccept(_message.Message):
    __slots__ = ("ballot", "digest", "view")
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    ballot: _register_pb2.Ballot
    digest: bytes
    view: bytes
    def __init__(self, ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., digest: _Optional[bytes] = ..., view: _Optional[bytes] = ...) -> None: ...

class ViewAccepted(_message.Message):
    __slots__ = ("ballot",)
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    ballot: _register_pb2.Ballot
    def __init__(self, ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ...) -> None: ...

class ViewRefused(_message.Message):
    __slots__ = ("ballot", "promised")
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    PROMISED_FIELD_NUMBER: _ClassVar[int]
    ballot: _register_pb2.Ballot
    promised: _register_pb2.Ballot
    def __init__(self, ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., promised: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ...) -> None: ...

class ViewWanted(_message.Message):
    __slots__ = ("epoch",)
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    def __init__(self, epoch: _Optional[int] = ...) -> None: ...

class ViewNews(_message.Message):
    __slots__ = ("view",)
    VIEW_FIELD_NUMBER: _ClassVar[int]
    view: bytes
    def __init__(self, view: _Optional[bytes] = ...) -> None: ...

class ViewHeld(_message.Message):
    __slots__ = ("epoch", "digest")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    digest: bytes
    def __init__(self, epoch: _Optional[int] = ..., digest: _Optional[bytes] = ...) -> None: ...

class JoinWish(_message.Message):
    __slots__ = ("member", "operation_id", "epoch", "digest", "share")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    member: _reconfiguration_pb2.Member
    operation_id: bytes
    epoch: int
    digest: bytes
    share: bool
    def __init__(self, member: _Optional[_Union[_reconfiguration_pb2.Member, _Mapping]] = ..., operation_id: _Optional[bytes] = ..., epoch: _Optional[int] = ..., digest: _Optional[bytes] = ..., share: bool = ...) -> None: ...

class LeaveWish(_message.Message):
    __slots__ = ("node_id", "operation_id", "epoch", "digest")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    node_id: int
    operation_id: bytes
    epoch: int
    digest: bytes
    def __init__(self, node_id: _Optional[int] = ..., operation_id: _Optional[bytes] = ..., epoch: _Optional[int] = ..., digest: _Optional[bytes] = ...) -> None: ...

class OperationWish(_message.Message):
    __slots__ = ("operation_id", "epoch", "digest", "kind", "node_id", "all", "partitions", "by_node_id", "replicas", "settings", "unset")
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    BY_NODE_ID_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    UNSET_FIELD_NUMBER: _ClassVar[int]
    operation_id: bytes
    epoch: int
    digest: bytes
    kind: _reconfiguration_pb2.OperationKind
    node_id: int
    all: bool
    partitions: _containers.RepeatedScalarFieldContainer[int]
    by_node_id: int
    replicas: int
    settings: _reconfiguration_pb2.ClusterSettings
    unset: _containers.RepeatedScalarFieldContainer[_reconfiguration_pb2.ClusterSetting]
    def __init__(self, operation_id: _Optional[bytes] = ..., epoch: _Optional[int] = ..., digest: _Optional[bytes] = ..., kind: _Optional[_Union[_reconfiguration_pb2.OperationKind, str]] = ..., node_id: _Optional[int] = ..., all: bool = ..., partitions: _Optional[_Iterable[int]] = ..., by_node_id: _Optional[int] = ..., replicas: _Optional[int] = ..., settings: _Optional[_Union[_reconfiguration_pb2.ClusterSettings, _Mapping]] = ..., unset: _Optional[_Iterable[_Union[_reconfiguration_pb2.ClusterSetting, str]]] = ...) -> None: ...

class CopiesReady(_message.Message):
    __slots__ = ("epoch", "ready", "vouched")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    VOUCHED_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    ready: _containers.RepeatedCompositeFieldContainer[ReadyCopy]
    vouched: _containers.RepeatedCompositeFieldContainer[VouchedCopy]
    def __init__(self, epoch: _Optional[int] = ..., ready: _Optional[_Iterable[_Union[ReadyCopy, _Mapping]]] = ..., vouched: _Optional[_Iterable[_Union[VouchedCopy, _Mapping]]] = ...) -> None: ...

class ReadyCopy(_message.Message):
    __slots__ = ("partition", "group_epoch", "bad_keys")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    BAD_KEYS_FIELD_NUMBER: _ClassVar[int]
    partition: int
    group_epoch: int
    bad_keys: int
    def __init__(self, partition: _Optional[int] = ..., group_epoch: _Optional[int] = ..., bad_keys: _Optional[int] = ...) -> None: ...

class VouchedCopy(_message.Message):
    __slots__ = ("partition", "group_epoch")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    partition: int
    group_epoch: int
    def __init__(self, partition: _Optional[int] = ..., group_epoch: _Optional[int] = ...) -> None: ...

class Prepare(_message.Message):
    __slots__ = ("partition", "ballot")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    partition: int
    ballot: _register_pb2.Ballot
    def __init__(self, partition: _Optional[int] = ..., ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ...) -> None: ...

class Promised(_message.Message):
    __slots__ = ("partition", "ballot", "reservation")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_FIELD_NUMBER: _ClassVar[int]
    partition: int
    ballot: _register_pb2.Ballot
    reservation: int
    def __init__(self, partition: _Optional[int] = ..., ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., reservation: _Optional[int] = ...) -> None: ...

class Reserve(_message.Message):
    __slots__ = ("partition", "ballot", "attempt", "reservation", "floor")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    partition: int
    ballot: _register_pb2.Ballot
    attempt: int
    reservation: int
    floor: int
    def __init__(self, partition: _Optional[int] = ..., ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., attempt: _Optional[int] = ..., reservation: _Optional[int] = ..., floor: _Optional[int] = ...) -> None: ...

class Reserved(_message.Message):
    __slots__ = ("partition", "ballot", "attempt")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    partition: int
    ballot: _register_pb2.Ballot
    attempt: int
    def __init__(self, partition: _Optional[int] = ..., ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., attempt: _Optional[int] = ...) -> None: ...

class Recover(_message.Message):
    __slots__ = ("partition", "ballot", "attempt", "key")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    partition: int
    ballot: _register_pb2.Ballot
    attempt: int
    key: bytes
    def __init__(self, partition: _Optional[int] = ..., ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., attempt: _Optional[int] = ..., key: _Optional[bytes] = ...) -> None: ...

class Recovered(_message.Message):
    __slots__ = ("partition", "ballot", "attempt", "register", "floor")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    partition: int
    ballot: _register_pb2.Ballot
    attempt: int
    register: bytes
    floor: int
    def __init__(self, partition: _Optional[int] = ..., ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., attempt: _Optional[int] = ..., register: _Optional[bytes] = ..., floor: _Optional[int] = ...) -> None: ...

class Confirm(_message.Message):
    __slots__ = ("partition", "ballot", "attempt")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    partition: int
    ballot: _register_pb2.Ballot
    attempt: int
    def __init__(self, partition: _Optional[int] = ..., ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., attempt: _Optional[int] = ...) -> None: ...

class Confirmed(_message.Message):
    __slots__ = ("partition", "ballot", "attempt")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    partition: int
    ballot: _register_pb2.Ballot
    attempt: int
    def __init__(self, partition: _Optional[int] = ..., ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., attempt: _Optional[int] = ...) -> None: ...

class Write(_message.Message):
    __slots__ = ("partition", "ballot", "seq", "register", "settled_seq", "settled_revision")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    SETTLED_SEQ_FIELD_NUMBER: _ClassVar[int]
    SETTLED_REVISION_FIELD_NUMBER: _ClassVar[int]
    partition: int
    ballot: _register_pb2.Ballot
    seq: int
    register: bytes
    settled_seq: int
    settled_revision: int
    def __init__(self, partition: _Optional[int] = ..., ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., seq: _Optional[int] = ..., register: _Optional[bytes] = ..., settled_seq: _Optional[int] = ..., settled_revision: _Optional[int] = ...) -> None: ...

class Written(_message.Message):
    __slots__ = ("partition", "ballot", "seq")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    partition: int
    ballot: _register_pb2.Ballot
    seq: int
    def __init__(self, partition: _Optional[int] = ..., ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., seq: _Optional[int] = ...) -> None: ...

class Nack(_message.Message):
    __slots__ = ("partition", "ballot", "promised", "of", "attempt", "seq")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    PROMISED_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    partition: int
    ballot: _register_pb2.Ballot
    promised: _register_pb2.Ballot
    of: RefusedMessage
    attempt: int
    seq: int
    def __init__(self, partition: _Optional[int] = ..., ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., promised: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., of: _Optional[_Union[RefusedMessage, str]] = ..., attempt: _Optional[int] = ..., seq: _Optional[int] = ...) -> None: ...

class Read(_message.Message):
    __slots__ = ("partition", "group_epoch", "attempt", "key", "newer_than")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    NEWER_THAN_FIELD_NUMBER: _ClassVar[int]
    partition: int
    group_epoch: int
    attempt: int
    key: bytes
    newer_than: _register_pb2.Timestamp
    def __init__(self, partition: _Optional[int] = ..., group_epoch: _Optional[int] = ..., attempt: _Optional[int] = ..., key: _Optional[bytes] = ..., newer_than: _Optional[_Union[_register_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ReadAnswer(_message.Message):
    __slots__ = ("partition", "group_epoch", "attempt", "timestamp", "register", "settled", "promised", "settled_revision")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    PROMISED_FIELD_NUMBER: _ClassVar[int]
    SETTLED_REVISION_FIELD_NUMBER: _ClassVar[int]
    partition: int
    group_epoch: int
    attempt: int
    timestamp: _register_pb2.Timestamp
    register: bytes
    settled: bool
    promised: _register_pb2.Ballot
    settled_revision: int
    def __init__(self, partition: _Optional[int] = ..., group_epoch: _Optional[int] = ..., attempt: _Optional[int] = ..., timestamp: _Optional[_Union[_register_pb2.Timestamp, _Mapping]] = ..., register: _Optional[bytes] = ..., settled: bool = ..., promised: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., settled_revision: _Optional[int] = ...) -> None: ...

class Impose(_message.Message):
    __slots__ = ("partition", "group_epoch", "attempt", "register")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    partition: int
    group_epoch: int
    attempt: int
    register: bytes
    def __init__(self, partition: _Optional[int] = ..., group_epoch: _Optional[int] = ..., attempt: _Optional[int] = ..., register: _Optional[bytes] = ...) -> None: ...

class Imposed(_message.Message):
    __slots__ = ("partition", "group_epoch", "attempt")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    partition: int
    group_epoch: int
    attempt: int
    def __init__(self, partition: _Optional[int] = ..., group_epoch: _Optional[int] = ..., attempt: _Optional[int] = ...) -> None: ...

class HandOver(_message.Message):
    __slots__ = ("partition", "group_epoch", "attempt", "key")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    partition: int
    group_epoch: int
    attempt: int
    key: bytes
    def __init__(self, partition: _Optional[int] = ..., group_epoch: _Optional[int] = ..., attempt: _Optional[int] = ..., key: _Optional[bytes] = ...) -> None: ...

class YourTurn(_message.Message):
    __slots__ = ("partition", "ballot")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    partition: int
    ballot: _register_pb2.Ballot
    def __init__(self, partition: _Optional[int] = ..., ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ...) -> None: ...

class HandedOver(_message.Message):
    __slots__ = ("partition", "group_epoch", "attempt", "done", "register", "settled_revision", "ballot")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    SETTLED_REVISION_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    partition: int
    group_epoch: int
    attempt: int
    done: bool
    register: bytes
    settled_revision: int
    ballot: _register_pb2.Ballot
    def __init__(self, partition: _Optional[int] = ..., group_epoch: _Optional[int] = ..., attempt: _Optional[int] = ..., done: bool = ..., register: _Optional[bytes] = ..., settled_revision: _Optional[int] = ..., ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ...) -> None: ...

class AskChanges(_message.Message):
    __slots__ = ("partition", "group_epoch", "attempt", "copy", "after", "taken", "whole")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    COPY_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    WHOLE_FIELD_NUMBER: _ClassVar[int]
    partition: int
    group_epoch: int
    attempt: int
    copy: int
    after: int
    taken: _containers.RepeatedCompositeFieldContainer[SeqRanges]
    whole: bool
    def __init__(self, partition: _Optional[int] = ..., group_epoch: _Optional[int] = ..., attempt: _Optional[int] = ..., copy: _Optional[int] = ..., after: _Optional[int] = ..., taken: _Optional[_Iterable[_Union[SeqRanges, _Mapping]]] = ..., whole: bool = ...) -> None: ...

class SeqRanges(_message.Message):
    __slots__ = ("ballot", "steps")
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    ballot: _register_pb2.Ballot
    steps: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., steps: _Optional[_Iterable[int]] = ...) -> None: ...

class Changes(_message.Message):
    __slots__ = ("partition", "group_epoch", "attempt", "copy", "up_to", "more", "changes", "taken")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    COPY_FIELD_NUMBER: _ClassVar[int]
    UP_TO_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    partition: int
    group_epoch: int
    attempt: int
    copy: int
    up_to: int
    more: bool
    changes: _containers.RepeatedCompositeFieldContainer[ChangedKey]
    taken: _containers.RepeatedCompositeFieldContainer[SeqRanges]
    def __init__(self, partition: _Optional[int] = ..., group_epoch: _Optional[int] = ..., attempt: _Optional[int] = ..., copy: _Optional[int] = ..., up_to: _Optional[int] = ..., more: bool = ..., changes: _Optional[_Iterable[_Union[ChangedKey, _Mapping]]] = ..., taken: _Optional[_Iterable[_Union[SeqRanges, _Mapping]]] = ...) -> None: ...

class ChangedKey(_message.Message):
    __slots__ = ("key", "timestamp", "register", "settled")
    KEY_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    timestamp: _register_pb2.Timestamp
    register: bytes
    settled: bool
    def __init__(self, key: _Optional[bytes] = ..., timestamp: _Optional[_Union[_register_pb2.Timestamp, _Mapping]] = ..., register: _Optional[bytes] = ..., settled: bool = ...) -> None: ...

class AskStates(_message.Message):
    __slots__ = ("partition", "group_epoch", "previous", "attempt", "after")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    partition: int
    group_epoch: int
    previous: int
    attempt: int
    after: bytes
    def __init__(self, partition: _Optional[int] = ..., group_epoch: _Optional[int] = ..., previous: _Optional[int] = ..., attempt: _Optional[int] = ..., after: _Optional[bytes] = ...) -> None: ...

class States(_message.Message):
    __slots__ = ("partition", "group_epoch", "previous", "attempt", "source", "states", "up_to")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    UP_TO_FIELD_NUMBER: _ClassVar[int]
    partition: int
    group_epoch: int
    previous: int
    attempt: int
    source: SealedCopy
    states: _containers.RepeatedCompositeFieldContainer[HeldState]
    up_to: bytes
    def __init__(self, partition: _Optional[int] = ..., group_epoch: _Optional[int] = ..., previous: _Optional[int] = ..., attempt: _Optional[int] = ..., source: _Optional[_Union[SealedCopy, _Mapping]] = ..., states: _Optional[_Iterable[_Union[HeldState, _Mapping]]] = ..., up_to: _Optional[bytes] = ...) -> None: ...

class AskKeys(_message.Message):
    __slots__ = ("partition", "group_epoch", "previous", "attempt", "keys")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    partition: int
    group_epoch: int
    previous: int
    attempt: int
    keys: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, partition: _Optional[int] = ..., group_epoch: _Optional[int] = ..., previous: _Optional[int] = ..., attempt: _Optional[int] = ..., keys: _Optional[_Iterable[bytes]] = ...) -> None: ...

class KeysHeld(_message.Message):
    __slots__ = ("partition", "group_epoch", "previous", "attempt", "source", "held")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    partition: int
    group_epoch: int
    previous: int
    attempt: int
    source: SealedCopy
    held: _containers.RepeatedCompositeFieldContainer[HeldKey]
    def __init__(self, partition: _Optional[int] = ..., group_epoch: _Optional[int] = ..., previous: _Optional[int] = ..., attempt: _Optional[int] = ..., source: _Optional[_Union[SealedCopy, _Mapping]] = ..., held: _Optional[_Iterable[_Union[HeldKey, _Mapping]]] = ...) -> None: ...

class SealedCopy(_message.Message):
    __slots__ = ("copy", "last_change", "size", "votes", "floor", "reservation", "settled")
    COPY_FIELD_NUMBER: _ClassVar[int]
    LAST_CHANGE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    VOTES_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    copy: int
    last_change: int
    size: int
    votes: bool
    floor: int
    reservation: int
    settled: _containers.RepeatedCompositeFieldContainer[_register_pb2.Timestamp]
    def __init__(self, copy: _Optional[int] = ..., last_change: _Optional[int] = ..., size: _Optional[int] = ..., votes: bool = ..., floor: _Optional[int] = ..., reservation: _Optional[int] = ..., settled: _Optional[_Iterable[_Union[_register_pb2.Timestamp, _Mapping]]] = ...) -> None: ...

class HeldState(_message.Message):
    __slots__ = ("key", "timestamp", "settled")
    KEY_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    timestamp: _register_pb2.Timestamp
    settled: bool
    def __init__(self, key: _Optional[bytes] = ..., timestamp: _Optional[_Union[_register_pb2.Timestamp, _Mapping]] = ..., settled: bool = ...) -> None: ...

class HeldKey(_message.Message):
    __slots__ = ("key", "register", "bad", "settled")
    KEY_FIELD_NUMBER: _ClassVar[int]
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    BAD_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    register: bytes
    bad: bool
    settled: bool
    def __init__(self, key: _Optional[bytes] = ..., register: _Optional[bytes] = ..., bad: bool = ..., settled: bool = ...) -> None: ...

class AskTombstone(_message.Message):
    __slots__ = ("partition", "ballot", "attempt", "key", "timestamp")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    partition: int
    ballot: _register_pb2.Ballot
    attempt: int
    key: bytes
    timestamp: _register_pb2.Timestamp
    def __init__(self, partition: _Optional[int] = ..., ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., attempt: _Optional[int] = ..., key: _Optional[bytes] = ..., timestamp: _Optional[_Union[_register_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class TombstoneHeld(_message.Message):
    __slots__ = ("partition", "ballot", "attempt")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    partition: int
    ballot: _register_pb2.Ballot
    attempt: int
    def __init__(self, partition: _Optional[int] = ..., ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., attempt: _Optional[int] = ...) -> None: ...

class Purge(_message.Message):
    __slots__ = ("partition", "ballot", "attempt", "key", "timestamp")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    partition: int
    ballot: _register_pb2.Ballot
    attempt: int
    key: bytes
    timestamp: _register_pb2.Timestamp
    def __init__(self, partition: _Optional[int] = ..., ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., attempt: _Optional[int] = ..., key: _Optional[bytes] = ..., timestamp: _Optional[_Union[_register_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Purged(_message.Message):
    __slots__ = ("partition", "ballot", "attempt")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    partition: int
    ballot: _register_pb2.Ballot
    attempt: int
    def __init__(self, partition: _Optional[int] = ..., ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., attempt: _Optional[int] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("round", "reports_seen", "log_position", "position_proof")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    REPORTS_SEEN_FIELD_NUMBER: _ClassVar[int]
    LOG_POSITION_FIELD_NUMBER: _ClassVar[int]
    POSITION_PROOF_FIELD_NUMBER: _ClassVar[int]
    round: int
    reports_seen: int
    log_position: int
    position_proof: bytes
    def __init__(self, round: _Optional[int] = ..., reports_seen: _Optional[int] = ..., log_position: _Optional[int] = ..., position_proof: _Optional[bytes] = ...) -> None: ...

class HeartbeatAnswer(_message.Message):
    __slots__ = ("round", "heard", "report_version", "reports", "offices", "since", "full", "voting", "proposing")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    HEARD_FIELD_NUMBER: _ClassVar[int]
    REPORT_VERSION_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    OFFICES_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    FULL_FIELD_NUMBER: _ClassVar[int]
    VOTING_FIELD_NUMBER: _ClassVar[int]
    PROPOSING_FIELD_NUMBER: _ClassVar[int]
    round: int
    heard: _containers.RepeatedScalarFieldContainer[int]
    report_version: int
    reports: _containers.RepeatedCompositeFieldContainer[PartitionReport]
    offices: _containers.RepeatedCompositeFieldContainer[OfficeReport]
    since: int
    full: bool
    voting: PartitionReport
    proposing: OfficeReport
    def __init__(self, round: _Optional[int] = ..., heard: _Optional[_Iterable[int]] = ..., report_version: _Optional[int] = ..., reports: _Optional[_Iterable[_Union[PartitionReport, _Mapping]]] = ..., offices: _Optional[_Iterable[_Union[OfficeReport, _Mapping]]] = ..., since: _Optional[int] = ..., full: bool = ..., voting: _Optional[_Union[PartitionReport, _Mapping]] = ..., proposing: _Optional[_Union[OfficeReport, _Mapping]] = ...) -> None: ...

class OfficeReport(_message.Message):
    __slots__ = ("partition", "ballot")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    partition: int
    ballot: _register_pb2.Ballot
    def __init__(self, partition: _Optional[int] = ..., ballot: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ...) -> None: ...

class PartitionReport(_message.Message):
    __slots__ = ("partition", "group_epoch", "ready", "promise", "live", "settled", "settled_revision", "last_change", "revision_unknown", "lagging")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    SETTLED_REVISION_FIELD_NUMBER: _ClassVar[int]
    LAST_CHANGE_FIELD_NUMBER: _ClassVar[int]
    REVISION_UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    LAGGING_FIELD_NUMBER: _ClassVar[int]
    partition: int
    group_epoch: int
    ready: bool
    promise: _register_pb2.Ballot
    live: bool
    settled: _register_pb2.Timestamp
    settled_revision: int
    last_change: int
    revision_unknown: bool
    lagging: bool
    def __init__(self, partition: _Optional[int] = ..., group_epoch: _Optional[int] = ..., ready: bool = ..., promise: _Optional[_Union[_register_pb2.Ballot, _Mapping]] = ..., live: bool = ..., settled: _Optional[_Union[_register_pb2.Timestamp, _Mapping]] = ..., settled_revision: _Optional[int] = ..., last_change: _Optional[int] = ..., revision_unknown: bool = ..., lagging: bool = ...) -> None: ...

class Forward(_message.Message):
    __slots__ = ("id", "get", "put", "compare_and_set", "delete", "add", "deadline_ms", "hops", "partition", "group_epoch")
    ID_FIELD_NUMBER: _ClassVar[int]
    GET_FIELD_NUMBER: _ClassVar[int]
    PUT_FIELD_NUMBER: _ClassVar[int]
    COMPARE_AND_SET_FIELD_NUMBER: _ClassVar[int]
    DELETE_FIELD_NUMBER: _ClassVar[int]
    ADD_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    HOPS_FIELD_NUMBER: _ClassVar[int]
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    id: int
    get: _kv_pb2.GetRequest
    put: _kv_pb2.PutRequest
    compare_and_set: _kv_pb2.CompareAndSetRequest
    delete: _kv_pb2.DeleteRequest
    add: _kv_pb2.AddRequest
    deadline_ms: int
    hops: int
    partition: int
    group_epoch: int
    def __init__(self, id: _Optional[int] = ..., get: _Optional[_Union[_kv_pb2.GetRequest, _Mapping]] = ..., put: _Optional[_Union[_kv_pb2.PutRequest, _Mapping]] = ..., compare_and_set: _Optional[_Union[_kv_pb2.CompareAndSetRequest, _Mapping]] = ..., delete: _Optional[_Union[_kv_pb2.DeleteRequest, _Mapping]] = ..., add: _Optional[_Union[_kv_pb2.AddRequest, _Mapping]] = ..., deadline_ms: _Optional[int] = ..., hops: _Optional[int] = ..., partition: _Optional[int] = ..., group_epoch: _Optional[int] = ...) -> None: ...

class Forwarded(_message.Message):
    __slots__ = ("id", "get", "put", "compare_and_set", "delete", "add", "refused", "unknown")
    ID_FIELD_NUMBER: _ClassVar[int]
    GET_FIELD_NUMBER: _ClassVar[int]
    PUT_FIELD_NUMBER: _ClassVar[int]
    COMPARE_AND_SET_FIELD_NUMBER: _ClassVar[int]
    DELETE_FIELD_NUMBER: _ClassVar[int]
    ADD_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    id: int
    get: _kv_pb2.GetResponse
    put: _kv_pb2.PutResponse
    compare_and_set: _kv_pb2.CompareAndSetResponse
    delete: _kv_pb2.DeleteResponse
    add: _kv_pb2.AddResponse
    refused: Refused
    unknown: Unknown
    def __init__(self, id: _Optional[int] = ..., get: _Optional[_Union[_kv_pb2.GetResponse, _Mapping]] = ..., put: _Optional[_Union[_kv_pb2.PutResponse, _Mapping]] = ..., compare_and_set: _Optional[_Union[_kv_pb2.CompareAndSetResponse, _Mapping]] = ..., delete: _Optional[_Union[_kv_pb2.DeleteResponse, _Mapping]] = ..., add: _Optional[_Union[_kv_pb2.AddResponse, _Mapping]] = ..., refused: _Optional[_Union[Refused, _Mapping]] = ..., unknown: _Optional[_Union[Unknown, _Mapping]] = ...) -> None: ...

class Refused(_message.Message):
    __slots__ = ("reason", "writer_node_id", "revision", "missing")
    REASON_FIELD_NUMBER: _ClassVar[int]
    WRITER_NODE_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    reason: RefusedReason
    writer_node_id: int
    revision: int
    missing: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, reason: _Optional[_Union[RefusedReason, str]] = ..., writer_node_id: _Optional[int] = ..., revision: _Optional[int] = ..., missing: _Optional[_Iterable[int]] = ...) -> None: ...

class Unknown(_message.Message):
    __slots__ = ("reason", "revision")
    REASON_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    reason: UnknownReason
    revision: int
    def __init__(self, reason: _Optional[_Union[UnknownReason, str]] = ..., revision: _Optional[int] = ...) -> None: ...

class FoundRequest(_message.Message):
    __slots__ = ("protocol_version", "founder", "prepare", "accept", "view", "wish", "sizes_wanted")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    FOUNDER_FIELD_NUMBER: _ClassVar[int]
    PREPARE_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    WISH_FIELD_NUMBER: _ClassVar[int]
    SIZES_WANTED_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    founder: Founder
    prepare: StartPrepare
    accept: StartAccept
    view: StartView
    wish: JoinWish
    sizes_wanted: SizesWanted
    def __init__(self, protocol_version: _Optional[int] = ..., founder: _Optional[_Union[Founder, _Mapping]] = ..., prepare: _Optional[_Union[StartPrepare, _Mapping]] = ..., accept: _Optional[_Union[StartAccept, _Mapping]] = ..., view: _Optional[_Union[StartView, _Mapping]] = ..., wish: _Optional[_Union[JoinWish, _Mapping]] = ..., sizes_wanted: _Optional[_Union[SizesWanted, _Mapping]] = ...) -> None: ...

class FoundResponse(_message.Message):
    __slots__ = ("founder", "promised", "accepted", "refused", "view", "sizes")
    FOUNDER_FIELD_NUMBER: _ClassVar[int]
    PROMISED_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    SIZES_FIELD_NUMBER: _ClassVar[int]
    founder: Founder
    promised: StartPromised
    accepted: StartAccepted
    refused: StartRefused
    view: StartView
    sizes: NodeSizes
    def __init__(self, founder: _Optional[_Union[Founder, _Mapping]] = ..., promised: _Optional[_Union[StartPromised, _Mapping]] = ..., accepted: _Optional[_Union[StartAccepted, _Mapping]] = ..., refused: _Optional[_Union[StartRefused, _Mapping]] = ..., view: _Optional[_Union[StartView, _Mapping]] = ..., sizes: _Optional[_Union[NodeSizes, _Mapping]] = ...) -> None: ...

class SizesWanted(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class NodeSizes(_message.Message):
    __slots__ = ("disk_room_bytes", "copies")
    DISK_ROOM_BYTES_FIELD_NUMBER: _ClassVar[int]
    COPIES_FIELD_NUMBER: _ClassVar[int]
    disk_room_bytes: int
    copies: _containers.RepeatedCompositeFieldContainer[CopySize]
    def __init__(self, disk_room_bytes: _Optional[int] = ..., copies: _Optional[_Iterable[_Union[CopySize, _Mapping]]] = ...) -> None: ...

class CopySize(_message.Message):
    __slots__ = ("partition", "keys", "bytes", "ready")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    partition: int
    keys: int
    bytes: int
    ready: bool
    def __init__(self, partition: _Optional[int] = ..., keys: _Optional[int] = ..., bytes: _Optional[int] = ..., ready: bool = ...) -> None: ...

class Founder(_message.Message):
    __slots__ = ("node_id", "client_address", "peer_address", "zone", "peers", "replication_factor", "partition_count")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PEER_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    PEERS_FIELD_NUMBER: _ClassVar[int]
    REPLICATION_FACTOR_FIELD_NUMBER: _ClassVar[int]
    PARTITION_COUNT_FIELD_NUMBER: _ClassVar[int]
    node_id: int
    client_address: str
    peer_address: str
    zone: str
    peers: _containers.RepeatedScalarFieldContainer[str]
    replication_factor: int
    partition_count: int
    def __init__(self, node_id: _Optional[int] = ..., client_address: _Optional[str] = ..., peer_address: _Optional[str] = ..., zone: _Optional[str] = ..., peers: _Optional[_Iterable[str]] = ..., replication_factor: _Optional[int] = ..., partition_count: _Optional[int] = ...) -> None: ...

class StartBallot(_message.Message):
    __slots__ = ("round", "node_id")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    round: int
    node_id: int
    def __init__(self, round: _Optional[int] = ..., node_id: _Optional[int] = ...) -> None: ...

class StartPrepare(_message.Message):
    __slots__ = ("ballot", "peers")
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    PEERS_FIELD_NUMBER: _ClassVar[int]
    ballot: StartBallot
    peers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ballot: _Optional[_Union[StartBallot, _Mapping]] = ..., peers: _Optional[_Iterable[str]] = ...) -> None: ...

class StartPromised(_message.Message):
    __slots__ = ("ballot", "accepted_ballot", "accepted_view")
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_BALLOT_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_VIEW_FIELD_NUMBER: _ClassVar[int]
    ballot: StartBallot
    accepted_ballot: StartBallot
    accepted_view: bytes
    def __init__(self, ballot: _Optional[_Union[StartBallot, _Mapping]] = ..., accepted_ballot: _Optional[_Union[StartBallot, _Mapping]] = ..., accepted_view: _Optional[bytes] = ...) -> None: ...

class StartAccept(_message.Message):
    __slots__ = ("ballot", "view", "peers")
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    PEERS_FIELD_NUMBER: _ClassVar[int]
    ballot: StartBallot
    view: bytes
    peers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ballot: _Optional[_Union[StartBallot, _Mapping]] = ..., view: _Optional[bytes] = ..., peers: _Optional[_Iterable[str]] = ...) -> None: ...

class StartAccepted(_message.Message):
    __slots__ = ("ballot",)
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    ballot: StartBallot
    def __init__(self, ballot: _Optional[_Union[StartBallot, _Mapping]] = ...) -> None: ...

class StartRefused(_message.Message):
    __slots__ = ("ballot", "reason", "promised", "peers")
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PROMISED_FIELD_NUMBER: _ClassVar[int]
    PEERS_FIELD_NUMBER: _ClassVar[int]
    ballot: StartBallot
    reason: StartRefusedReason
    promised: StartBallot
    peers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ballot: _Optional[_Union[StartBallot, _Mapping]] = ..., reason: _Optional[_Union[StartRefusedReason, str]] = ..., promised: _Optional[_Union[StartBallot, _Mapping]] = ..., peers: _Optional[_Iterable[str]] = ...) -> None: ...

class StartView(_message.Message):
    __slots__ = ("view",)
    VIEW_FIELD_NUMBER: _ClassVar[int]
    view: bytes
    def __init__(self, view: _Optional[bytes] = ...) -> None: ...
