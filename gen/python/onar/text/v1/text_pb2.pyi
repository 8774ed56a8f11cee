from onar.kv.v1 import common_pb2 as _common_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Entry(_message.Message):
    __slots__ = ("value", "version")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    value: str
    version: int
    def __init__(self, value: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class Condition(_message.Message):
    __slots__ = ("version", "value", "presence")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    version: int
    value: str
    presence: _common_pb2.Presence
    def __init__(self, version: _Optional[int] = ..., value: _Optional[str] = ..., presence: _Optional[_Union[_common_pb2.Presence, str]] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("key", "consistency", "key_space")
    KEY_FIELD_NUMBER: _ClassVar[int]
    CONSISTENCY_FIELD_NUMBER: _ClassVar[int]
    KEY_SPACE_FIELD_NUMBER: _ClassVar[int]
    key: str
    consistency: _common_pb2.Consistency
    key_space: str
    def __init__(self, key: _Optional[str] = ..., consistency: _Optional[_Union[_common_pb2.Consistency, str]] = ..., key_space: _Optional[str] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("header", "entry", "consistency")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    CONSISTENCY_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    entry: Entry
    consistency: _common_pb2.Consistency
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., entry: _Optional[_Union[Entry, _Mapping]] = ..., consistency: _Optional[_Union[_common_pb2.Consistency, str]] = ...) -> None: ...

class PutRequest(_message.Message):
    __slots__ = ("key", "value", "request_id", "after", "key_space")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    KEY_SPACE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: str
    request_id: bytes
    after: _common_pb2.Revision
    key_space: str
    def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ..., request_id: _Optional[bytes] = ..., after: _Optional[_Union[_common_pb2.Revision, _Mapping]] = ..., key_space: _Optional[str] = ...) -> None: ...

class PutResponse(_message.Message):
    __slots__ = ("header", "version")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    version: int
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., version: _Optional[int] = ...) -> None: ...

class DeleteRequest(_message.Message):
    __slots__ = ("key", "condition", "request_id", "after", "key_space")
    KEY_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    KEY_SPACE_FIELD_NUMBER: _ClassVar[int]
    key: str
    condition: Condition
    request_id: bytes
    after: _common_pb2.Revision
    key_space: str
    def __init__(self, key: _Optional[str] = ..., condition: _Optional[_Union[Condition, _Mapping]] = ..., request_id: _Optional[bytes] = ..., after: _Optional[_Union[_common_pb2.Revision, _Mapping]] = ..., key_space: _Optional[str] = ...) -> None: ...

class DeleteResponse(_message.Message):
    __slots__ = ("header", "deleted", "version", "found")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    deleted: bool
    version: int
    found: Entry
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., deleted: bool = ..., version: _Optional[int] = ..., found: _Optional[_Union[Entry, _Mapping]] = ...) -> None: ...

class AddRequest(_message.Message):
    __slots__ = ("key", "request_id", "after", "delta", "key_space")
    KEY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    KEY_SPACE_FIELD_NUMBER: _ClassVar[int]
    key: str
    request_id: bytes
    after: _common_pb2.Revision
    delta: int
    key_space: str
    def __init__(self, key: _Optional[str] = ..., request_id: _Optional[bytes] = ..., after: _Optional[_Union[_common_pb2.Revision, _Mapping]] = ..., delta: _Optional[int] = ..., key_space: _Optional[str] = ...) -> None: ...

class AddResponse(_message.Message):
    __slots__ = ("header", "version", "number")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    version: int
    number: int
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., version: _Optional[int] = ..., number: _Optional[int] = ...) -> None: ...
