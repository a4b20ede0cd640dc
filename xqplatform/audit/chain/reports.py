"""What a verification found."""

from __future__ import annotations

from dataclasses import dataclass, field

from xqplatform.audit.chain.judge import MOST, Fault, Judge


@dataclass
class Report:
    """`count` events stand in the chain up to `position`."""

    position: int = 0
    hash: str = ""
    count: int = 0
    checkpoints: int = 0  # that were compared
    waiting: int = 0  # events that are not linked yet
    seconds: float = 0.0
    faults: list[Fault] = field(default_factory=list)
    more: int = 0  # faults beyond those named
    unguarded: list[str] = field(default_factory=list)  # triggers that the database does not have
    remarks: list[str] = field(default_factory=list)  # what one should know, and is no fault

    @property
    def good(self) -> bool:
        return not self.faults and not self.unguarded

    @property
    def found(self) -> int:
        return len(self.faults) + self.more

    def say(self, kind: str, position: int | None, event_id: int | None, words: str) -> None:
        if len(self.faults) < MOST:
            self.faults.append(Fault(kind, position, event_id, words))
        else:
            self.more += 1

    def remark(self, words: str) -> None:
        if len(self.remarks) < MOST:
            self.remarks.append(words)

    def take(self, judge: Judge) -> None:
        """Takes over what a judge found."""
        self.position, self.hash, self.count = judge.position, judge.hash, judge.count
        for fault in judge.faults:
            self.say(*fault)
        self.more += judge.more
