"""Images of an engine: they are fetched, built and sent."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any

from django.utils.translation import gettext as _

from hosts import engine_calls
from hosts.engine_body import Json
from hosts.engine_errors import EngineError, from_response, from_transfer
from hosts.engine_link import SILENCE_SECONDS, SLOW_SECONDS, Link
from hosts.engine_specs import Auth, Labels, split_ref
from hosts.engine_streams import Stream, json_objects

OnLine = Callable[[str], None]
OnProgress = Callable[[Json], None]


class WithImages(Link):
    """What is asked of an engine's images."""

    def pull(
        self,
        ref: str,
        auth: Auth | None = None,
        on_progress: OnProgress | None = None,
        on_stream: Callable[[Stream[Json]], None] | None = None,
    ) -> None:
        """Fetch `name:tag` or `name@digest`. `on_progress` gets each message; `on_stream` what can be stopped."""
        name, tag = split_ref(ref)
        params = {"fromImage": name, "tag": tag}
        self._transfer("/images/create", ref, params, auth=auth, on_progress=on_progress, on_stream=on_stream)

    def push(
        self,
        ref: str,
        auth: Auth | None = None,
        on_progress: OnProgress | None = None,
        on_stream: Callable[[Stream[Json]], None] | None = None,
    ) -> str:
        """Send `name:tag` to its registry; returns the digest that the registry knows it by."""
        name, tag = split_ref(ref)
        path, anyone = f"/images/{name}/push", Auth("", "")
        last = self._transfer(
            path, ref, {"tag": tag}, auth=auth or anyone, on_progress=on_progress, on_stream=on_stream
        )
        return str(last.get("Digest", ""))

    @engine_calls.as_one
    def _transfer(
        self, path: str, ref: str, params: Json, *, auth: Auth | None, on_progress: OnProgress | None, on_stream: Any
    ) -> Json:
        headers = {"X-Registry-Auth": auth.header()} if auth else {}
        last: Json = {}
        try:
            stream = self._stream("POST", path, json_objects, params=params, headers=headers, timeout=SILENCE_SECONDS)
        except EngineError as error:
            if error.out_of_reach:
                raise
            raise from_transfer(error.message, self.where, ref) from error
        if on_stream:
            on_stream(stream)
        with stream:
            for message in stream:
                if "error" in message:
                    raise from_transfer(str(message["error"]), self.where, ref)
                last = message.get("aux") or last
                if on_progress:
                    on_progress(message)
            if stream.stopped:
                raise EngineError("other", "stopped", _("The transfer of %(ref)s was stopped.") % {"ref": ref})
        return last

    def build(
        self,
        context: IO[bytes] | bytes,
        *,
        dockerfile: str = "Dockerfile",
        tags: Iterable[str] = (),
        buildargs: Labels | None = None,
        labels: Labels | None = None,
        network: str = "",
        nocache: bool = False,
        pull: bool = False,
        auths: Mapping[str, Auth] | None = None,
        on_line: OnLine | None = None,
        on_stream: Callable[[Stream[Json]], None] | None = None,
    ) -> str:
        """Build a tar as context; returns the image's id. A failed step is kind `other`, its output went to `on_line`.

        `on_stream` gets what can be stopped from another thread: the engine then gives the build up.
        """
        params: Json = {"dockerfile": dockerfile, "t": list(tags), "rm": 1, "forcerm": 1, "nocache": int(nocache)}
        params |= {"buildargs": json.dumps(dict(buildargs or {})), "labels": json.dumps(dict(labels or {}))}
        if network:
            params["networkmode"] = network
        if pull:
            params["pull"] = 1
        known = {
            server: {"username": auth.username, "password": auth.password, "serveraddress": server}
            for server, auth in (auths or {}).items()
        }
        headers = {
            "Content-Type": "application/x-tar",
            "X-Registry-Config": base64.urlsafe_b64encode(json.dumps(known).encode()).decode(),
        }
        stream = self._stream(
            "POST", "/build", json_objects, params=params, data=context, headers=headers,
            timeout=SILENCE_SECONDS, repeat=False,
        )  # fmt: skip
        if on_stream:
            on_stream(stream)
        image = ""
        with stream:
            for message in stream:
                if "error" in message:
                    text = str(message["error"])
                    raise from_response(500, text, self.where)
                image = (message.get("aux") or {}).get("ID") or image
                if on_line and (line := _build_line(message)):
                    on_line(line)
            if stream.stopped:
                raise EngineError("other", "stopped", _("The build was stopped."))
        if not image:
            raise EngineError(
                "other", "no image id", _("%(where)s ended the build without an image.") % {"where": self.where}
            )
        return image

    def tag(self, image: str, ref: str) -> None:
        name, tag = split_ref(ref)
        self.call("POST", f"/images/{image}/tag", params={"repo": name, "tag": tag})

    def inspect_image(self, image: str) -> Json:
        return dict(self._json("GET", f"/images/{image}/json"))

    def has_image(self, image: str) -> bool:
        try:
            self.inspect_image(image)
        except EngineError as error:
            if error.kind == "not_found":
                return False
            raise
        return True

    def image_history(self, image: str) -> list[Json]:
        return list(self._json("GET", f"/images/{image}/history"))

    def list_images(self, labels: Iterable[str] = ()) -> list[Json]:
        words = list(labels)
        params = {"filters": json.dumps({"label": words})} if words else {}
        return list(self._json("GET", "/images/json", params=params))

    def remove_image(self, image: str, *, force: bool = False) -> None:
        """Remove an image or a tag; gone is done, in use is a `conflict`."""
        params = {"force": int(force)}
        self.call("DELETE", f"/images/{image}", params=params, timeout=SLOW_SECONDS, accept=[404])


def _build_line(message: Json) -> str:
    """A build's message as text for its log: output as it is, progress of a pull without its bars."""
    if "stream" in message:
        return str(message["stream"])
    if "status" in message and not message.get("progressDetail"):
        prefix = f"{message['id']}: " if message.get("id") else ""
        return f"{prefix}{message['status']}\n"
    return ""
