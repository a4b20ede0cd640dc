"""The rows of this app."""

from builds.models.builds import Blueprint, BlueprintVersion, Build, BuildLine, Image, Project, Registry
from builds.models.forges import Badge, Forge, ForgeDelivery, ForgeStatus
from builds.models.imports import ImageImport
from builds.models.waves import Wave, WaveItem

__all__ = [
    "Badge",
    "Blueprint",
    "BlueprintVersion",
    "Build",
    "BuildLine",
    "Forge",
    "ForgeDelivery",
    "ForgeStatus",
    "Image",
    "ImageImport",
    "Project",
    "Registry",
    "Wave",
    "WaveItem",
]
