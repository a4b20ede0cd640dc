"""What a verb raises when it does not do what was asked. Both become words a person can act on, never a 500."""

from __future__ import annotations


class Refused(Exception):
    """What was asked cannot be done as asked: bad input (400) or a state that forbids it (409).

    `field` names the form field or JSON key that the message stands beside.
    """

    def __init__(self, message: str, field: str | None = None, code: int = 409) -> None:
        super().__init__(message)
        self.message = str(message)
        self.field = field
        self.code = code


class Denied(Exception):
    """The actor lacks the right (403). The attempt has been recorded already."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = str(message)
