"""Rows of services, what runs of them, and the releases that changed it."""

from containers.models.deployments import Deployment, Step
from containers.models.drains import Drain
from containers.models.instances import Container, ImageFacts, Instance, InstanceEvent, PersistedFolder
from containers.models.services import ConfigVersion, Environment, Service, ServiceEnvironment
from containers.models.terminals import CommandPiece, CommandRun, Terminal, TerminalPiece
from containers.models.told import Ear, Endpoint

__all__ = [
    "CommandPiece",
    "CommandRun",
    "ConfigVersion",
    "Container",
    "Deployment",
    "Drain",
    "Ear",
    "Endpoint",
    "Environment",
    "ImageFacts",
    "Instance",
    "InstanceEvent",
    "PersistedFolder",
    "Service",
    "ServiceEnvironment",
    "Step",
    "Terminal",
    "TerminalPiece",
]
