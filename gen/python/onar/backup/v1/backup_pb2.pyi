from onar.kv.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListKeysRequest(_message.Message):
    __slots__ = ("partition",)
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    partition: int
    def __init__(self, partition: _Optional[int] = ...) -> None: ...

class ListKeysResponse(_message.Message):
    __slots__ = ("header", "keys", "last", "highest_revision", "changes")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    HIGHEST_REVISION_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    keys: _containers.RepeatedScalarFieldContainer[bytes]
    last: bool
    highest_revision: int
    changes: int
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., keys: _Optional[_Iterable[bytes]] = ..., last: bool = ..., highest_revision: _Optional[int] = ..., changes: _Optional[int] = ...) -> None: ...

class RaiseRevisionsRequest(_message.Message):
    __slots__ = ("above", "partitions")
    ABOVE_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    above: int
    partitions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, above: _Optional[int] = ..., partitions: _Optional[_Iterable[int]] = ...) -> None: ...

class RaiseRevisionsResponse(_message.Message):
    __slots__ = ("header", "raised")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    RAISED_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    raised: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., raised: _Optional[_Iterable[int]] = ...) -> None: ...

class BackupHeader(_message.Message):
    __slots__ = ("format", "backup_id", "cluster_id", "view_epoch", "partition_count", "started_ms", "software_version")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    BACKUP_ID_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    VIEW_EPOCH_FIELD_NUMBER: _ClassVar[int]
    PARTITION_COUNT_FIELD_NUMBER: _ClassVar[int]
    STARTED_MS_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    format: int
    backup_id: bytes
    cluster_id: bytes
    view_epoch: int
    partition_count: int
    started_ms: int
    software_version: str
    def __init__(self, format: _Optional[int] = ..., backup_id: _Optional[bytes] = ..., cluster_id: _Optional[bytes] = ..., view_epoch: _Optional[int] = ..., partition_count: _Optional[int] = ..., started_ms: _Optional[int] = ..., software_version: _Optional[str] = ...) -> None: ...

class BackupEntry(_message.Message):
    __slots__ = ("key", "value", "version")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    value: bytes
    version: int
    def __init__(self, key: _Optional[bytes] = ..., value: _Optional[bytes] = ..., version: _Optional[int] = ...) -> None: ...

class BackupEnd(_message.Message):
    __slots__ = ("entries", "bytes", "highest_revision", "ended_ms", "sha256")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    HIGHEST_REVISION_FIELD_NUMBER: _ClassVar[int]
    ENDED_MS_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    entries: int
    bytes: int
    highest_revision: int
    ended_ms: int
    sha256: bytes
    def __init__(self, entries: _Optional[int] = ..., bytes: _Optional[int] = ..., highest_revision: _Optional[int] = ..., ended_ms: _Optional[int] = ..., sha256: _Optional[bytes] = ...) -> None: ...
