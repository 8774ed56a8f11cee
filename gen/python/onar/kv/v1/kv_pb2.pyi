from google.rpc import status_pb2 as _status_pb2
from onar.kv.v1 import common_pb2 as _common_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetRequest(_message.Message):
    __slots__ = ("key", "consistency", "key_space")
    KEY_FIELD_NUMBER: _ClassVar[int]
    CONSISTENCY_FIELD_NUMBER: _ClassVar[int]
    KEY_SPACE_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    consistency: _common_pb2.Consistency
    key_space: str
    def __init__(self, key: _Optional[bytes] = ..., consistency: _Optional[_Union[_common_pb2.Consistency, str]] = ..., key_space: _Optional[str] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("header", "entry", "consistency")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    CONSISTENCY_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    entry: _common_pb2.Entry
    consistency: _common_pb2.Consistency
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., entry: _Optional[_Union[_common_pb2.Entry, _Mapping]] = ..., consistency: _Optional[_Union[_common_pb2.Consistency, str]] = ...) -> None: ...

class PutRequest(_message.Message):
    __slots__ = ("key", "value", "request_id", "after", "key_space")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    KEY_SPACE_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    value: bytes
    request_id: bytes
    after: _common_pb2.Revision
    key_space: str
    def __init__(self, key: _Optional[bytes] = ..., value: _Optional[bytes] = ..., request_id: _Optional[bytes] = ..., after: _Optional[_Union[_common_pb2.Revision, _Mapping]] = ..., key_space: _Optional[str] = ...) -> None: ...

class PutResponse(_message.Message):
    __slots__ = ("header", "version")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    version: int
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., version: _Optional[int] = ...) -> None: ...

class CompareAndSetRequest(_message.Message):
    __slots__ = ("key", "value", "condition", "request_id", "after", "key_space")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    KEY_SPACE_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    value: bytes
    condition: _common_pb2.Condition
    request_id: bytes
    after: _common_pb2.Revision
    key_space: str
    def __init__(self, key: _Optional[bytes] = ..., value: _Optional[bytes] = ..., condition: _Optional[_Union[_common_pb2.Condition, _Mapping]] = ..., request_id: _Optional[bytes] = ..., after: _Optional[_Union[_common_pb2.Revision, _Mapping]] = ..., key_space: _Optional[str] = ...) -> None: ...

class CompareAndSetResponse(_message.Message):
    __slots__ = ("header", "swapped", "version", "found")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    SWAPPED_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    swapped: bool
    version: int
    found: _common_pb2.Entry
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., swapped: bool = ..., version: _Optional[int] = ..., found: _Optional[_Union[_common_pb2.Entry, _Mapping]] = ...) -> None: ...

class DeleteRequest(_message.Message):
    __slots__ = ("key", "condition", "request_id", "after", "key_space")
    KEY_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    KEY_SPACE_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    condition: _common_pb2.Condition
    request_id: bytes
    after: _common_pb2.Revision
    key_space: str
    def __init__(self, key: _Optional[bytes] = ..., condition: _Optional[_Union[_common_pb2.Condition, _Mapping]] = ..., request_id: _Optional[bytes] = ..., after: _Optional[_Union[_common_pb2.Revision, _Mapping]] = ..., key_space: _Optional[str] = ...) -> None: ...

class DeleteResponse(_message.Message):
    __slots__ = ("header", "deleted", "version", "found")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    deleted: bool
    version: int
    found: _common_pb2.Entry
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., deleted: bool = ..., version: _Optional[int] = ..., found: _Optional[_Union[_common_pb2.Entry, _Mapping]] = ...) -> None: ...

class AddRequest(_message.Message):
    __slots__ = ("key", "request_id", "after", "delta", "key_space")
    KEY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    KEY_SPACE_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    request_id: bytes
    after: _common_pb2.Revision
    delta: int
    key_space: str
    def __init__(self, key: _Optional[bytes] = ..., request_id: _Optional[bytes] = ..., after: _Optional[_Union[_common_pb2.Revision, _Mapping]] = ..., delta: _Optional[int] = ..., key_space: _Optional[str] = ...) -> None: ...

class AddResponse(_message.Message):
    __slots__ = ("header", "version", "number")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    header: _common_pb2.Header
    version: int
    number: int
    def __init__(self, header: _Optional[_Union[_common_pb2.Header, _Mapping]] = ..., version: _Optional[int] = ..., number: _Optional[int] = ...) -> None: ...

class PipelineRequest(_message.Message):
    __slots__ = ("tag", "get", "put", "compare_and_set", "delete", "add", "timeout_ms")
    TAG_FIELD_NUMBER: _ClassVar[int]
    GET_FIELD_NUMBER: _ClassVar[int]
    PUT_FIELD_NUMBER: _ClassVar[int]
    COMPARE_AND_SET_FIELD_NUMBER: _ClassVar[int]
    DELETE_FIELD_NUMBER: _ClassVar[int]
    ADD_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    tag: int
    get: GetRequest
    put: PutRequest
    compare_and_set: CompareAndSetRequest
    delete: DeleteRequest
    add: AddRequest
    timeout_ms: int
    def __init__(self, tag: _Optional[int] = ..., get: _Optional[_Union[GetRequest, _Mapping]] = ..., put: _Optional[_Union[PutRequest, _Mapping]] = ..., compare_and_set: _Optional[_Union[CompareAndSetRequest, _Mapping]] = ..., delete: _Optional[_Union[DeleteRequest, _Mapping]] = ..., add: _Optional[_Union[AddRequest, _Mapping]] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class PipelineResponse(_message.Message):
    __slots__ = ("tag", "get", "put", "compare_and_set", "delete", "add", "status")
    TAG_FIELD_NUMBER: _ClassVar[int]
    GET_FIELD_NUMBER: _ClassVar[int]
    PUT_FIELD_NUMBER: _ClassVar[int]
    COMPARE_AND_SET_FIELD_NUMBER: _ClassVar[int]
    DELETE_FIELD_NUMBER: _ClassVar[int]
    ADD_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    tag: int
    get: GetResponse
    put: PutResponse
    compare_and_set: CompareAndSetResponse
    delete: DeleteResponse
    add: AddResponse
    status: _status_pb2.Status
    def __init__(self, tag: _Optional[int] = ..., get: _Optional[_Union[GetResponse, _Mapping]] = ..., put: _Optional[_Union[PutResponse, _Mapping]] = ..., compare_and_set: _Optional[_Union[CompareAndSetResponse, _Mapping]] = ..., delete: _Optional[_Union[DeleteResponse, _Mapping]] = ..., add: _Optional[_Union[AddResponse, _Mapping]] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...
