"""An image's layers out of the registry that holds it, for runtimes that do not fetch by themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from django.utils.translation import gettext as _

from builds.models import Registry
from builds.registry import Client, RegistryError
from hosts.engine import EngineError, split_ref
from hosts.engine_errors import Kind
from hosts.lxd import images
from hosts.lxd.roots import Layers

ARCHITECTURE = "amd64"  # of an image for several machines: what the fleet's are
KINDS: dict[str, Kind] = {
    "not_found": "not_found",
    "denied": "forbidden",
    "forbidden": "forbidden",
    "unreachable": "registry",
}


def fetch(reference: str, folder: Path, progress: images.OnProgress, check: Callable[[], None]) -> Layers:
    """Raises EngineError, whatever `check` raises."""
    name, digest = split_ref(reference)
    registry = next((one for one in Registry.objects.order_by("-address") if name.startswith(f"{one.address}/")), None)
    if registry is None:
        words = _("%(ref)s is in no registry that the platform knows.")
        raise EngineError("not_found", reference, words % {"ref": reference})
    repository = name.removeprefix(f"{registry.address}/")
    try:
        client = Client(registry)
        found = client.contents(repository, digest, ARCHITECTURE, verify=True)
        config = json.loads(client.verified(repository, found.config))
        files = []
        for number, layer in enumerate(found.layers):
            path = folder / f"layer-{number}"

            def told(done: int, layer=layer) -> None:  # type: ignore[no-untyped-def]
                check()
                detail = {"current": done, "total": layer.size}
                progress({"id": layer.digest[7:19], "status": "Downloading", "progressDetail": detail})

            client.download(repository, layer, path, told)
            files.append(path)
    except RegistryError as error:
        kind = KINDS.get(error.kind, "registry")
        raise EngineError(kind, error.message, error.message, retry=error.retry) from error
    except OSError as error:
        words = _("The platform has no room for the layers of %(ref)s: %(why)s")
        raise EngineError("no_space", str(error), words % {"ref": reference, "why": error}) from error
    return Layers(files, config)


def register() -> None:
    images.FETCH[:] = [fetch]
