"""The rows of hosts: machines, their networks, what is done on them, and how they conform."""

from hosts.models.access import SshAccess
from hosts.models.certificates import Authority, DaemonFile, IssuedCertificate, SeenCertificate
from hosts.models.collectors import Collector
from hosts.models.commands import HostCommand
from hosts.models.images import HostImages
from hosts.models.lxd import ConsoleEnd, ConsolePiece, KeptHealth
from hosts.models.machines import Host, HostChange, HostGroup, SeenContainer
from hosts.models.networks import Address, Segment, SegmentNetwork
from hosts.models.operations import HostOperation
from hosts.models.outside import Ear, OwnCall

from hosts.conformance.models import CheckResult, HostFacts, Profile, Waiver  # isort: skip  # they point at those above

__all__ = [
    "Address",
    "Authority",
    "CheckResult",
    "Collector",
    "ConsoleEnd",
    "ConsolePiece",
    "DaemonFile",
    "Ear",
    "Host",
    "HostChange",
    "HostCommand",
    "HostFacts",
    "HostGroup",
    "HostImages",
    "HostOperation",
    "IssuedCertificate",
    "KeptHealth",
    "OwnCall",
    "Profile",
    "SeenCertificate",
    "SeenContainer",
    "Segment",
    "SegmentNetwork",
    "SshAccess",
    "Waiver",
]
