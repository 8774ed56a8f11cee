"""Bounds the writes of one client on one key that are under way at a time.

The cluster keeps the records of a key's last requests only (at most 128), and a request that is decided when more than that came since its
`after` cannot be told from a repeated one. Further writes wait, in order. Eight such clients on one key fit beside each other.

A client does not know how many others write the key. When one of its writes was expired there are many, and it makes do with one at a time
until nobody here writes the key for a moment.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Callable

WRITES_PER_KEY = 8

Ready = Callable[[], None]


@dataclass
class _Turn:
    taken: int = 0
    limit: int = WRITES_PER_KEY
    waiting: deque[Ready] = field(default_factory=deque)


class Turns:
    """Whoever takes a turn passes it. May be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[bytes, _Turn] = {}

    def take(self, key: bytes, ready: Ready) -> bool:
        """Whether there is a turn at once; otherwise ready is called when there is, by whoever passes one."""
        with self._lock:
            turn = self._turns.setdefault(key, _Turn())
            if turn.taken < turn.limit:
                turn.taken += 1
                return True
            turn.waiting.append(ready)
            return False

    def give_up(self, key: bytes, ready: Ready) -> None:
        """No longer waits; a turn that was given at the same moment is passed on."""
        with self._lock:
            turn = self._turns.get(key)
            if turn is not None and ready in turn.waiting:
                turn.waiting.remove(ready)
                return
        self.pass_on(key)

    def pass_on(self, key: bytes) -> None:
        with self._lock:
            turn = self._turns[key]
            next_one = turn.waiting.popleft() if turn.waiting and turn.taken <= turn.limit else None
            if next_one is None:
                turn.taken -= 1
                if turn.taken == 0:
                    del self._turns[key]
        if next_one is not None:
            next_one()

    def expired(self, key: bytes) -> None:
        """A write on the key, whose turn is not passed on yet, was refused as expired."""
        with self._lock:
            self._turns[key].limit = 1

    def __len__(self) -> int:
        return len(self._turns)
