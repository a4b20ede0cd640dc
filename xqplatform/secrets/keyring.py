"""Keys and tokens, pure: the newest key encrypts, all of them decrypt, and each token says which key it is under.

A stored token is «ID:FERNET». One without an id was written before keys had ids; its key is found by trying all.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

ID_LENGTH = 8
UNMARKED = ""  # the id of tokens that name no key
_MARKED = re.compile(r"([0-9a-f]{8}):")


class Undecryptable(ValueError):
    """A token under a key that is not at hand, or damaged."""


class BadSeal(ValueError):
    """A mark that the platform did not seal for this purpose, or too long ago."""


@dataclass(frozen=True)
class Key:
    """A key made of a text of any length; the id tells nothing of it."""

    id: str
    master: bytes = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Key:
        master = hashlib.sha256(text.encode()).digest()
        return cls(hashlib.sha256(b"key id " + master).hexdigest()[:ID_LENGTH], master)

    def fernet(self) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(self.master))

    def sealer(self, purpose: str) -> Fernet:
        """A key of its own for each purpose: what is sealed for one opens for no other, nor does what is stored."""
        derived = hmac.digest(self.master, b"seal " + purpose.encode(), "sha256")
        return Fernet(base64.urlsafe_b64encode(derived))


def key_of(token: str) -> str:
    """The id of the key that a stored token names; UNMARKED where it names none."""
    found = _MARKED.match(token)
    return found[1] if found else UNMARKED


class Keyring:
    """The keys at hand, the newest first. Raises ValueError for none."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.keys = list({key.id: key for text in texts if text for key in [Key.of(text)]}.values())
        if not self.keys:
            raise ValueError("There is no encryption key.")
        self._fernets = {key.id: key.fernet() for key in self.keys}
        self._all = MultiFernet(list(self._fernets.values()))

    @property
    def newest(self) -> str:
        """The id of the key that encrypts."""
        return self.keys[0].id

    def __contains__(self, key_id: object) -> bool:
        return key_id in self._fernets

    def encrypt(self, text: str) -> str:
        """The text as a stored token; an empty text stays empty."""
        return f"{self.newest}:{self._fernets[self.newest].encrypt(text.encode()).decode()}" if text else ""

    def decrypt(self, token: str) -> str:
        """The text again. Raises Undecryptable."""
        if not token:
            return ""
        name = key_of(token)
        if name and name not in self._fernets:
            raise Undecryptable(f"This secret was encrypted with another key ({name}), which is not at hand.")
        cipher = self._fernets[name] if name else self._all
        body = token[ID_LENGTH + 1 :] if name else token
        try:
            return cipher.decrypt(body.encode()).decode()
        except InvalidToken:
            words = "This secret is damaged." if name else "This secret was encrypted with another key."
            raise Undecryptable(words) from None

    def seal(self, purpose: str, text: str) -> str:
        """A mark that travels through a browser and comes back: nobody can read or make one."""
        return self.keys[0].sealer(purpose).encrypt(text.encode()).decode()

    def unseal(self, purpose: str, mark: str, seconds: int) -> str:
        """What was sealed for this purpose, at most so long ago. Raises BadSeal."""
        try:
            return MultiFernet([key.sealer(purpose) for key in self.keys]).decrypt(mark.encode(), ttl=seconds).decode()
        except InvalidToken:
            raise BadSeal("This mark is not one for this purpose, or too old.") from None
