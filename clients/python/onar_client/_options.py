"""What a client is made with, checked before anything is connected."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Optional, Sequence, Union

import grpc

from ._course import CONNECT_S
from ._knowledge import CLUSTER_ID_BYTES

DEFAULT_TIMEOUT_S = 10.0

ChannelOptions = Sequence[tuple[str, Any]]

#: Retries are this client's business, not gRPC's; a node that comes back is found soon; answers may be of any length.
OWN_CHANNEL_OPTIONS: ChannelOptions = (
    ("grpc.enable_retries", 0),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # How long one try to connect may take, in spite of its name.
    ("grpc.min_reconnect_backoff_ms", int(CONNECT_S * 1_000)),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # gRPC asks for the addresses of a name at most every 30 seconds, and a node that moved would be gone for as long.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
)

_HOST_PORT = re.compile(r"(?:\[[0-9A-Fa-f:.%a-z]+\]|[^\[\]:/\s]+):(\d{1,5})")


@dataclass(frozen=True)
class Options:
    endpoints: tuple[str, ...]
    cluster_id: Optional[bytes]
    timeout: float
    credentials: Optional[grpc.ChannelCredentials]
    channel_options: list[tuple[str, Any]]


def checked(
    endpoints: Union[str, Sequence[str]],
    cluster_id: Optional[bytes],
    timeout: float,
    credentials: Optional[grpc.ChannelCredentials],
    channel_options: ChannelOptions,
) -> Options:
    if not isinstance(endpoints, Sequence) or isinstance(endpoints, (bytes, bytearray)):
        raise TypeError(f"endpoints must be a str or a sequence of str, not {type(endpoints).__name__}")
    addresses = tuple(endpoints.split(",")) if isinstance(endpoints, str) else tuple(endpoints)
    if not addresses:
        raise ValueError("endpoints: at least one HOST:PORT is required")
    for i, address in enumerate(addresses):
        if not isinstance(address, str):
            raise TypeError(f"endpoints[{i}] must be a str, not {type(address).__name__}")
    addresses = tuple(address.strip() for address in addresses)
    for i, address in enumerate(addresses):
        match = _HOST_PORT.fullmatch(address)
        if match is None or not 1 <= int(match[1]) <= 65_535:
            raise ValueError(f"endpoints[{i}]: {address!r} is not HOST:PORT, for example 127.0.0.1:4600")
        if address in addresses[:i]:
            raise ValueError(f"endpoints[{i}]: {address!r} is given twice")
    if cluster_id is not None and (not isinstance(cluster_id, bytes) or len(cluster_id) != CLUSTER_ID_BYTES):
        raise ValueError(f"cluster_id must be {CLUSTER_ID_BYTES} bytes, is {cluster_id!r}")
    checked_timeout("timeout", timeout)
    return Options(addresses, cluster_id, timeout, credentials, [*OWN_CHANNEL_OPTIONS, *channel_options])


def checked_timeout(field: str, seconds: float) -> float:
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        raise TypeError(f"{field} must be a number of seconds, not {type(seconds).__name__}")
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"{field} must be a finite number of seconds, 0 or more, is {seconds}")
    return seconds
