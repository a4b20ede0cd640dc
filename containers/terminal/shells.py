"""Which shell an image has: looked for among its files, so nothing is run for it."""

from __future__ import annotations

from django.utils.translation import gettext as _

from hosts.engine import Engine
from xqplatform.errors import Refused

# The first that is there. Where busybox has no link of its own for it, it is asked for its shell by name.
TRIED: tuple[tuple[str, ...], ...] = (
    ("/bin/bash",),
    ("/usr/bin/bash",),
    ("/usr/local/bin/bash",),
    ("/bin/ash",),
    ("/bin/sh",),
    ("/usr/bin/sh",),
    ("/bin/busybox", "sh"),
    ("/usr/bin/busybox", "sh"),
    ("/busybox/sh",),
)


def find(engine: Engine, container: str) -> tuple[str, ...]:
    """The command of its shell. Raises Refused where there is none, EngineError."""
    for command in TRIED:
        if engine.stat_file(container, command[0]) is not None:
            return command
    words = _(
        "The image has no shell (looked for: %(tried)s), so no terminal can be opened. A one-off command still runs any "
        "program that is in the image."
    )
    raise Refused(words % {"tried": ", ".join(command[0] for command in TRIED)})
