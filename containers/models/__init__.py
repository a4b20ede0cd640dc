"""Rows of services, what runs of them, and the releases that changed it."""

from containers.models.deployments import Deployment, Step
from containers.models.instances import Container, Instance, InstanceEvent
from containers.models.services import ConfigVersion, Environment, Service, ServiceEnvironment

__all__ = [
    "ConfigVersion",
    "Container",
    "Deployment",
    "Environment",
    "Instance",
    "InstanceEvent",
    "Service",
    "ServiceEnvironment",
    "Step",
]
