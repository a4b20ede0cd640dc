"""Rows of services, what runs of them, and the releases that changed it."""

from containers.models.calls import CallBlock
from containers.models.deployments import Deployment, Step
from containers.models.drains import Drain
from containers.models.guardrails import Approval, BrokenGlass, Calendar, CalendarDay, Freeze, Guardrails
from containers.models.hooks import HookRun
from containers.models.instances import Container, ImageFacts, Instance, InstanceEvent, PersistedFolder
from containers.models.logs import KeptLog
from containers.models.plans import ConfirmedPlan, ImageContents
from containers.models.services import ConfigVersion, Environment, Service, ServiceEnvironment
from containers.models.terminals import CommandPiece, CommandRun, Terminal, TerminalPiece
from containers.models.told import Ear, Endpoint
from containers.models.traffic import Front, Serving, Upstream

__all__ = [
    "Approval",
    "BrokenGlass",
    "Calendar",
    "CalendarDay",
    "CallBlock",
    "CommandPiece",
    "CommandRun",
    "ConfigVersion",
    "ConfirmedPlan",
    "Container",
    "Deployment",
    "Drain",
    "Ear",
    "Endpoint",
    "Environment",
    "Freeze",
    "Front",
    "Guardrails",
    "HookRun",
    "ImageContents",
    "ImageFacts",
    "Instance",
    "InstanceEvent",
    "KeptLog",
    "PersistedFolder",
    "Service",
    "ServiceEnvironment",
    "Serving",
    "Step",
    "Terminal",
    "TerminalPiece",
    "Upstream",
]
