"""The rows of this app."""

from builds.models.builds import Blueprint, BlueprintVersion, Build, BuildLine, Image, Project, Registry
from builds.models.forges import Forge, ForgeDelivery

__all__ = [
    "Blueprint",
    "BlueprintVersion",
    "Build",
    "BuildLine",
    "Forge",
    "ForgeDelivery",
    "Image",
    "Project",
    "Registry",
]
