"""Where backups lie: objects under keys, in a folder or an S3-compatible store. The only place that talks to either."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol


class StoreError(Exception):
    """A store did not do what was asked. `words`: for people; `missing`: it has no such object; `retry`: the cause may pass by itself."""

    def __init__(self, words: str, *, missing: bool = False, retry: bool = False) -> None:
        super().__init__(words)
        self.words, self.missing, self.retry = words, missing, retry


class Store(Protocol):
    """All may be repeated and raise StoreError. Keys are words of a-z, 0-9, «.», «_» and «-», joined by «/»."""

    where: str  # for people

    def put(self, key: str, data: bytes) -> None:
        """The object is whole there when this returns, or not there."""
        ...

    def get(self, key: str) -> bytes: ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys that begin so, in the order of the alphabet."""
        ...

    def remove(self, keys: Iterable[str]) -> None:
        """What is not there is no error."""
        ...
