"""What an LXD server has of images; a part of its engine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _

from hosts import inventory
from hosts.engine_errors import EngineError
from hosts.engine_specs import Auth
from hosts.lxd import images, shape
from hosts.lxd.link import Json
from hosts.lxd.server import Server


class WithImages(Server):
    @staticmethod
    def alias(reference: str) -> str:
        """A reference of the registry as a name that the server takes."""
        return f"xq-{hashlib.sha256(reference.encode()).hexdigest()[:40]}"

    def _fingerprint(self, image: str) -> str:
        """By the reference it was taken in as, an alias of the server's own, or the fingerprint."""
        for name in (self.alias(image), image):
            found = self.link.ask("GET", f"/images/aliases/{quote(name, safe='')}", absent=True)
            if found is not None:
                return str(found["target"])
        found = self.link.ask("GET", f"/images/{quote(image, safe='')}", absent=True)
        if found is None:
            words = _("%(where)s has no image %(image)s.")
            raise EngineError("not_found", image, words % {"where": self.where, "image": image})
        return str(found["fingerprint"])

    def has_image(self, image: str) -> bool:
        try:
            self._fingerprint(image)
        except EngineError as error:
            if error.kind == "not_found":
                return False
            raise
        return True

    def pull(
        self,
        ref: str,
        auth: Auth | None = None,
        on_progress: images.OnProgress | None = None,
        on_stream: Callable[[images.Transfer], None] | None = None,
    ) -> None:
        """Has the platform fetch `name@digest` and make one root file system of it; `on_stream` gets what can be stopped."""
        transfer = images.Transfer(ref)
        if on_stream:
            on_stream(transfer)
        room = self.data_root_space(str(self.pool()["name"]))
        machine = str((self._trusted().get("environment") or {}).get("kernel_architecture") or "")
        images.take_in(
            self.link, ref, self.alias(ref), architecture=machine, room=room.free if room else 1 << 40,
            progress=on_progress or (lambda _said: None), transfer=transfer,
        )  # fmt: skip

    def list_images(self, labels: Iterable[str] = ()) -> list[Json]:
        marks = tuple(labels)
        return [one for one in map(_image, self.link.ask("GET", "/images", params={"recursion": 1}))
                if shape.wanted(one["Labels"], marks)]  # fmt: skip

    def inspect_image(self, image: str) -> Json:
        return _image(self.link.ask("GET", f"/images/{self._fingerprint(image)}"))

    def remove_image(self, image: str, *, force: bool = False) -> None:
        """Remove it; gone is done. Instances have a copy of their own: `force` changes nothing."""
        try:
            self.link.operate("DELETE", f"/images/{self._fingerprint(image)}", absent=True)
        except EngineError as error:
            if error.kind != "not_found":
                raise


def _image(one: Mapping[str, Any]) -> Json:
    properties = one.get("properties") or {}
    reference = properties.get("xq.reference") or properties.get("description") or ""
    created = inventory.parse_time(str(one.get("created_at") or ""))
    return {
        "Id": str(one["fingerprint"]), "Size": int(one.get("size") or 0), "Architecture": str(one.get("architecture") or ""),
        "RepoTags": [reference] if reference else [], "RepoDigests": [], "RootFS": {"Layers": []},
        "Created": int(created.timestamp()) if created else 0, "Config": {},
        "Labels": {key.removeprefix("label."): value for key, value in properties.items() if key.startswith("label.")},
    }  # fmt: skip
