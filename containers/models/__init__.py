"""Rows of services, what runs of them, and the releases that changed it."""

from containers.models.ascode import AppliedFile
from containers.models.automatic import AutomaticRelease, AutomaticRule
from containers.models.calls import CallBlock
from containers.models.deployments import NEEDS_SOMEBODY, Deployment, Step
from containers.models.drains import Drain
from containers.models.gates import GateRules, GateRun
from containers.models.guardrails import Approval, BrokenGlass, Calendar, CalendarDay, Freeze, Guardrails
from containers.models.hooks import HookRun
from containers.models.instances import Container, ImageFacts, Instance, InstanceEvent, PersistedFolder
from containers.models.logs import KeptLog
from containers.models.moved import MovedVolume
from containers.models.plans import ConfirmedPlan, ImageContents
from containers.models.services import ConfigVersion, Environment, Service, ServiceEnvironment
from containers.models.terminals import CommandPiece, CommandRun, Terminal, TerminalPiece
from containers.models.told import Ear, Endpoint
from containers.models.traffic import Front, Serving, Upstream
from containers.models.trains import Car, Train, TrainTemplate

__all__ = [
    "NEEDS_SOMEBODY",
    "AppliedFile",
    "Approval",
    "AutomaticRelease",
    "AutomaticRule",
    "BrokenGlass",
    "Calendar",
    "CalendarDay",
    "CallBlock",
    "Car",
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
    "GateRules",
    "GateRun",
    "Guardrails",
    "HookRun",
    "ImageContents",
    "ImageFacts",
    "Instance",
    "InstanceEvent",
    "KeptLog",
    "MovedVolume",
    "PersistedFolder",
    "Service",
    "ServiceEnvironment",
    "Serving",
    "Step",
    "Terminal",
    "TerminalPiece",
    "Train",
    "TrainTemplate",
    "Upstream",
]
