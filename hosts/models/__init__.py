"""The rows of hosts: machines, their networks, what is done on them."""

from hosts.models.machines import Host, HostChange, HostGroup, SeenContainer
from hosts.models.networks import Address, Segment
from hosts.models.operations import HostOperation

__all__ = ["Address", "Host", "HostChange", "HostGroup", "HostOperation", "SeenContainer", "Segment"]
