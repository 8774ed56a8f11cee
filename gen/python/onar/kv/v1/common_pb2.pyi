from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Presence(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRESENCE_UNSPECIFIED: _ClassVar[Presence]
    PRESENCE_ABSENT: _ClassVar[Presence]
    PRESENCE_PRESENT: _ClassVar[Presence]

class Consistency(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONSISTENCY_UNSPECIFIED: _ClassVar[Consistency]
    CONSISTENCY_LINEARIZABLE: _ClassVar[Consistency]
    CONSISTENCY_LOCAL: _ClassVar[Consistency]
PRESENCE_UNSPECIFIED: Presence
PRESENCE_ABSENT: Presence
PRESENCE_PRESENT: Presence
CONSISTENCY_UNSPECIFIED: Consistency
CONSISTENCY_LINEARIZABLE: Consistency
CONSISTENCY_LOCAL: Consistency

class Revision(_message.Message):
    __slots__ = ("partition", "revision")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    partition: int
    revision: int
    def __init__(self, partition: _Optional[int] = ..., revision: _Optional[int] = ...) -> None: ...

class Header(_message.Message):
    __slots__ = ("cluster_id", "node_id", "view_epoch", "revision", "group_epoch", "writer_node_id")
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    VIEW_EPOCH_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    GROUP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    WRITER_NODE_ID_FIELD_NUMBER: _ClassVar[int]
    cluster_id: bytes
    node_id: int
    view_epoch: int
    revision: Revision
    group_epoch: int
    writer_node_id: int
    def __init__(self, cluster_id: _Optional[bytes] = ..., node_id: _Optional[int] = ..., view_epoch: _Optional[int] = ..., revision: _Optional[_Union[Revision, _Mapping]] = ..., group_epoch: _Optional[int] = ..., writer_node_id: _Optional[int] = ...) -> None: ...

class Entry(_message.Message):
    __slots__ = ("value", "version")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    value: bytes
    version: int
    def __init__(self, value: _Optional[bytes] = ..., version: _Optional[int] = ...) -> None: ...

class Condition(_message.Message):
    __slots__ = ("version", "value", "presence")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    version: int
    value: bytes
    presence: Presence
    def __init__(self, version: _Optional[int] = ..., value: _Optional[bytes] = ..., presence: _Optional[_Union[Presence, str]] = ...) -> None: ...
