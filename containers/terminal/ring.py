"""What a terminal said last, by its place in all that it said: so that a page that lost its socket goes on where it was. Pure."""

from __future__ import annotations


class Ring:
    """The last `most` bytes. Places count from the terminal's beginning."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.end = 0  # the place after the last byte
        self._kept = bytearray()

    @property
    def start(self) -> int:
        """The place of the oldest byte that is still there."""
        return self.end - len(self._kept)

    def add(self, data: bytes) -> None:
        self._kept += data
        self.end += len(data)
        # Cut seldom, so that not every byte that comes moves all the others.
        if len(self._kept) > 2 * self.most:
            del self._kept[: len(self._kept) - self.most]

    def since(self, place: int, most: int) -> bytes:
        """At most so many bytes from the place on. What is gone, or never was, gives nothing: see `resumes`."""
        at = place - self.start
        return bytes(self._kept[at : at + most]) if at >= 0 else b""

    def resumes(self, place: int) -> tuple[int, bool]:
        """Where a page goes on that has seen everything before `place`, and whether it has to clear its screen first.

        A page that has nothing, or has missed too much, starts at the beginning of a line where there is one.
        """
        if 0 < place <= self.end and place >= self.start:
            return place, False
        first = max(self.start, self.end - self.most)
        if first == 0:
            return 0, True
        at = self._kept.find(b"\n", first - self.start)
        return (self.start + at + 1 if at >= 0 else first), True
