from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CompletionOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPLETION_OUTCOME_UNSPECIFIED: _ClassVar[CompletionOutcome]
    COMPLETION_OUTCOME_APPLIED: _ClassVar[CompletionOutcome]
    COMPLETION_OUTCOME_CONDITION_FAILED: _ClassVar[CompletionOutcome]
    COMPLETION_OUTCOME_ABSENT: _ClassVar[CompletionOutcome]
    COMPLETION_OUTCOME_NOT_A_NUMBER: _ClassVar[CompletionOutcome]
    COMPLETION_OUTCOME_OVERFLOW: _ClassVar[CompletionOutcome]
COMPLETION_OUTCOME_UNSPECIFIED: CompletionOutcome
COMPLETION_OUTCOME_APPLIED: CompletionOutcome
COMPLETION_OUTCOME_CONDITION_FAILED: CompletionOutcome
COMPLETION_OUTCOME_ABSENT: CompletionOutcome
COMPLETION_OUTCOME_NOT_A_NUMBER: CompletionOutcome
COMPLETION_OUTCOME_OVERFLOW: CompletionOutcome

class Ballot(_message.Message):
    __slots__ = ("group_epoch", "round", "node_id")
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    group_epoch: int
    round: int
    node_id: int
    def __init__(self, group_epoch: _Optional[int] = ..., round: _Optional[int] = ..., node_id: _Optional[int] = ...) -> None: ...

class Timestamp(_message.Message):
    __slots__ = ("ballot", "seq")
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    ballot: Ballot
    seq: int
    def __init__(self, ballot: _Optional[_Union[Ballot, _Mapping]] = ..., seq: _Optional[int] = ...) -> None: ...

class Register(_message.Message):
    __slots__ = ("key", "timestamp", "tombstone", "value", "version", "revision", "floor", "records")
    KEY_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    TOMBSTONE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    timestamp: Timestamp
    tombstone: bool
    value: bytes
    version: int
    revision: int
    floor: int
    records: _containers.RepeatedCompositeFieldContainer[CompletionRecord]
    def __init__(self, key: _Optional[bytes] = ..., timestamp: _Optional[_Union[Timestamp, _Mapping]] = ..., tombstone: bool = ..., value: _Optional[bytes] = ..., version: _Optional[int] = ..., revision: _Optional[int] = ..., floor: _Optional[int] = ..., records: _Optional[_Iterable[_Union[CompletionRecord, _Mapping]]] = ...) -> None: ...

class CompletionRecord(_message.Message):
    __slots__ = ("request_id", "fingerprint", "revision", "outcome", "version")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    request_id: bytes
    fingerprint: int
    revision: int
    outcome: CompletionOutcome
    version: int
    def __init__(self, request_id: _Optional[bytes] = ..., fingerprint: _Optional[int] = ..., revision: _Optional[int] = ..., outcome: _Optional[_Union[CompletionOutcome, str]] = ..., version: _Optional[int] = ...) -> None: ...
