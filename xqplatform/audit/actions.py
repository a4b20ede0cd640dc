"""The names of everything that can be done, with the words the log shows. An action that is not here cannot be recorded."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

ACTIONS: dict[str, Any] = {
    # people
    "login": _("signed in"),
    "login.failed": _("failed to sign in"),
    "logout": _("signed out"),
    "person.create": _("added the person"),
    "person.change": _("changed the person"),
    "person.password": _("set the password of"),
    "team.create": _("made the team"),
    "team.change": _("changed the team"),
    "team.remove": _("removed the team"),
    "token.create": _("made the token"),
    "token.revoke": _("revoked the token"),
    "token.refused": _("was refused with a token"),
    # hosts
    "host.create": _("connected the host"),
    "host.change": _("changed the host"),
    "host.remove": _("removed the host"),
    "host.cordon": _("cordoned the host"),
    "host.uncordon": _("uncordoned the host"),
    "host.retire": _("retired the host"),
    "host.group.create": _("made the host group"),
    "host.group.change": _("changed the host group"),
    "host.group.remove": _("removed the host group"),
    "segment.create": _("made the segment"),
    "segment.change": _("changed the segment"),
    "segment.remove": _("removed the segment"),
    "address.hold": _("gave the address"),
    "address.release": _("took back the address"),
    "address.reserve": _("reserved the address"),
    "address.unreserve": _("freed the reserved address"),
    # builds
    "registry.create": _("connected the registry"),
    "registry.change": _("changed the registry"),
    "registry.remove": _("removed the registry"),
    "project.create": _("made the project"),
    "project.change": _("changed the project"),
    "blueprint.create": _("made the blueprint"),
    "blueprint.change": _("changed the blueprint"),
    "blueprint.remove": _("removed the blueprint"),
    "build.start": _("started the build"),
    "build.cancel": _("cancelled the build"),
    "build.finish": _("finished the build"),
    "image.discard": _("discarded the image"),
    # containers
    "environment.create": _("made the environment"),
    "environment.change": _("changed the environment"),
    "environment.remove": _("removed the environment"),
    "service.create": _("made the service"),
    "service.change": _("changed the service"),
    "service.config": _("changed the settings of"),
    "service.remove": _("removed the service"),
    "service.deploy": _("released"),
    "service.scale": _("scaled"),
    "service.restart": _("restarted instances of"),
    "service.stop": _("stopped instances of"),
    "service.start": _("started instances of"),
    "deployment.pause": _("paused the release"),
    "deployment.resume": _("resumed the release"),
    "deployment.cancel": _("cancelled the release"),
    "deployment.rollback": _("rolled back the release"),
    "deployment.finish": _("finished the release"),
    "instance.drift": _("found drift on"),
    "instance.repair": _("put right"),
}
