from onar.kv.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    ERROR_REASON_KEY_EMPTY: _ClassVar[ErrorReason]
    ERROR_REASON_KEY_TOO_LONG: _ClassVar[ErrorReason]
    ERROR_REASON_VALUE_TOO_LONG: _ClassVar[ErrorReason]
    ERROR_REASON_CONDITION_MISSING: _ClassVar[ErrorReason]
    ERROR_REASON_VERSION_ZERO: _ClassVar[ErrorReason]
    ERROR_REASON_REQUEST_ID_LENGTH: _ClassVar[ErrorReason]
    ERROR_REASON_REQUEST_ID_REUSED: _ClassVar[ErrorReason]
    ERROR_REASON_AFTER_OTHER_PARTITION: _ClassVar[ErrorReason]
    ERROR_REASON_NOT_UTF8: _ClassVar[ErrorReason]
    ERROR_REASON_AFTER_IN_FUTURE: _ClassVar[ErrorReason]
    ERROR_REASON_REQUEST_MISSING: _ClassVar[ErrorReason]
    ERROR_REASON_PARTITION_OUT_OF_RANGE: _ClassVar[ErrorReason]
    ERROR_REASON_REVISION_OUT_OF_RANGE: _ClassVar[ErrorReason]
    ERROR_REASON_UNKNOWN_FIELDS_TOO_LONG: _ClassVar[ErrorReason]
    ERROR_REASON_OPERATION_ID_LENGTH: _ClassVar[ErrorReason]
    ERROR_REASON_EPOCH_MISSING: _ClassVar[ErrorReason]
    ERROR_REASON_REPLICATION_OUT_OF_RANGE: _ClassVar[ErrorReason]
    ERROR_REASON_SETTING_OUT_OF_RANGE: _ClassVar[ErrorReason]
    ERROR_REASON_NOT_A_NUMBER: _ClassVar[ErrorReason]
    ERROR_REASON_OVERFLOW: _ClassVar[ErrorReason]
    ERROR_REASON_NOT_TEXT: _ClassVar[ErrorReason]
    ERROR_REASON_KEY_SPACE_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_OPERATION_REFUSED: _ClassVar[ErrorReason]
    ERROR_REASON_NO_WRITER: _ClassVar[ErrorReason]
    ERROR_REASON_MOVING: _ClassVar[ErrorReason]
    ERROR_REASON_NO_QUORUM: _ClassVar[ErrorReason]
    ERROR_REASON_DRAINING: _ClassVar[ErrorReason]
    ERROR_REASON_OVERLOADED: _ClassVar[ErrorReason]
    ERROR_REASON_DISK_FULL: _ClassVar[ErrorReason]
    ERROR_REASON_QUOTA_EXCEEDED: _ClassVar[ErrorReason]
    ERROR_REASON_EPOCH_AHEAD: _ClassVar[ErrorReason]
    ERROR_REASON_OUTCOME_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_REQUEST_EXPIRED: _ClassVar[ErrorReason]
    ERROR_REASON_UNAUTHENTICATED: _ClassVar[ErrorReason]
    ERROR_REASON_FORBIDDEN: _ClassVar[ErrorReason]
    ERROR_REASON_BACKUP_OFF: _ClassVar[ErrorReason]

class Execution(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXECUTION_UNSPECIFIED: _ClassVar[Execution]
    EXECUTION_NOT_EXECUTED: _ClassVar[Execution]
    EXECUTION_UNKNOWN: _ClassVar[Execution]
ERROR_REASON_UNSPECIFIED: ErrorReason
ERROR_REASON_KEY_EMPTY: ErrorReason
ERROR_REASON_KEY_TOO_LONG: ErrorReason
ERROR_REASON_VALUE_TOO_LONG: ErrorReason
ERROR_REASON_CONDITION_MISSING: ErrorReason
ERROR_REASON_VERSION_ZERO: ErrorReason
ERROR_REASON_REQUEST_ID_LENGTH: ErrorReason
ERROR_REASON_REQUEST_ID_REUSED: ErrorReason
ERROR_REASON_AFTER_OTHER_PARTITION: ErrorReason
ERROR_REASON_NOT_UTF8: ErrorReason
ERROR_REASON_AFTER_IN_FUTURE: ErrorReason
ERROR_REASON_REQUEST_MISSING: ErrorReason
ERROR_REASON_PARTITION_OUT_OF_RANGE: ErrorReason
ERROR_REASON_REVISION_OUT_OF_RANGE: ErrorReason
ERROR_REASON_UNKNOWN_FIELDS_TOO_LONG: ErrorReason
ERROR_REASON_OPERATION_ID_LENGTH: ErrorReason
ERROR_REASON_EPOCH_MISSING: ErrorReason
ERROR_REASON_REPLICATION_OUT_OF_RANGE: ErrorReason
ERROR_REASON_SETTING_OUT_OF_RANGE: ErrorReason
ERROR_REASON_NOT_A_NUMBER: ErrorReason
ERROR_REASON_OVERFLOW: ErrorReason
ERROR_REASON_NOT_TEXT: ErrorReason
ERROR_REASON_KEY_SPACE_NOT_FOUND: ErrorReason
ERROR_REASON_OPERATION_REFUSED: ErrorReason
ERROR_REASON_NO_WRITER: ErrorReason
ERROR_REASON_MOVING: ErrorReason
ERROR_REASON_NO_QUORUM: ErrorReason
ERROR_REASON_DRAINING: ErrorReason
ERROR_REASON_OVERLOADED: ErrorReason
ERROR_REASON_DISK_FULL: ErrorReason
ERROR_REASON_QUOTA_EXCEEDED: ErrorReason
ERROR_REASON_EPOCH_AHEAD: ErrorReason
ERROR_REASON_OUTCOME_UNKNOWN: ErrorReason
ERROR_REASON_REQUEST_EXPIRED: ErrorReason
ERROR_REASON_UNAUTHENTICATED: ErrorReason
ERROR_REASON_FORBIDDEN: ErrorReason
ERROR_REASON_BACKUP_OFF: ErrorReason
EXECUTION_UNSPECIFIED: Execution
EXECUTION_NOT_EXECUTED: Execution
EXECUTION_UNKNOWN: Execution

class Outcome(_message.Message):
    __slots__ = ("execution", "retry_with_same_id_is_safe", "revision")
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    RETRY_WITH_SAME_ID_IS_SAFE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    execution: Execution
    retry_with_same_id_is_safe: bool
    revision: _common_pb2.Revision
    def __init__(self, execution: _Optional[_Union[Execution, str]] = ..., retry_with_same_id_is_safe: bool = ..., revision: _Optional[_Union[_common_pb2.Revision, _Mapping]] = ...) -> None: ...
