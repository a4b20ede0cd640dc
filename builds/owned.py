"""Which rows of this app teams own (`xqplatform.accounts.visibility`)."""

from __future__ import annotations

from builds.models import (
    Badge,
    Blueprint,
    BlueprintVersion,
    Build,
    BuildLine,
    Forge,
    ForgeDelivery,
    ForgeStatus,
    Image,
    ImageImport,
    Project,
    Wave,
    WaveItem,
)
from xqplatform.accounts.visibility import TOPICS, owned


def register() -> None:
    """What is of a project or a blueprint is its team's."""
    owned(Project, "team")
    owned(Blueprint, "team")
    owned(BlueprintVersion, "blueprint__team")
    owned(Build, "project__team", "blueprint__team")
    owned(BuildLine, "build__project__team", "build__blueprint__team")
    owned(Image, "project__team", "blueprint__team")
    owned(ImageImport, "project__team", "blueprint__team")
    owned(Forge, "project__team")
    owned(ForgeDelivery, "forge__project__team")
    owned(ForgeStatus, "forge__project__team")
    owned(Badge, "project__team")
    owned(Wave, "blueprint__team")
    owned(WaveItem, "wave__blueprint__team", "blueprint__team", "project__team")
    TOPICS["build"] = (Build, "pk")
    TOPICS["import"] = (ImageImport, "pk")
    TOPICS["wave"] = (Wave, "pk")
    TOPICS["ahead"] = (Image, "pk")
    TOPICS["forge"] = (Project, "pk")
