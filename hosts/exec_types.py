"""What is said of commands inside containers, whichever runtime runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from hosts.engine_streams import Channel

if TYPE_CHECKING:
    from hosts.runtime import Engine

How = Literal["exited", "timeout", "cancelled"]
Signal = Literal["TERM", "HUP"]
OnOutput = Callable[[Channel, bytes], None]


@dataclass(frozen=True)
class Ran:
    """How a command went. `code`: None when it did not end by itself; `size`: bytes that it said, kept or not."""

    how: How
    code: int | None
    size: int
    exec_id: str

    @property
    def ok(self) -> bool:
        return self.how == "exited" and self.code == 0


class Wire(Protocol):
    """A terminal, both ways. One thread reads while another writes; `close` from any thread wakes both. Raises EngineError."""

    exec_id: str

    @property
    def engine(self) -> Engine: ...
    def read(self) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    def resize(self, columns: int, rows: int) -> None: ...
    def close(self) -> None: ...


class Execs(Protocol):
    """The commands of a runtime that has a way of its own; see `hosts.execs` for what each of them promises."""

    def make(self, container: str, argv: Iterable[str], *, user: str, env: Mapping[str, str], workdir: str) -> str: ...
    def exit_code(self, exec_id: str) -> int | None: ...
    def run(
        self, exec_id: str, *, timeout: float, on_output: OnOutput, cancelled: Callable[[], bool] | None
    ) -> Ran: ...
    def end(self, container: str, exec_id: str, signal: Signal, mark: str) -> bool: ...
    def terminal(self, exec_id: str) -> Wire: ...
