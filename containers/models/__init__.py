"""Rows of services, what runs of them, and the releases that changed it."""

from containers.models.deployments import Deployment, Step
from containers.models.drains import Drain
from containers.models.hooks import HookRun
from containers.models.instances import Container, ImageFacts, Instance, InstanceEvent, PersistedFolder
from containers.models.services import ConfigVersion, Environment, Service, ServiceEnvironment
from containers.models.told import Ear, Endpoint
from containers.models.traffic import Front, Serving, Upstream

__all__ = [
    "ConfigVersion",
    "Container",
    "Deployment",
    "Drain",
    "Ear",
    "Endpoint",
    "Environment",
    "Front",
    "HookRun",
    "ImageFacts",
    "Instance",
    "InstanceEvent",
    "PersistedFolder",
    "Service",
    "ServiceEnvironment",
    "Serving",
    "Step",
    "Upstream",
]
