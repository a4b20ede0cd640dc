"""How the platform logs in to a machine itself, beside its engine."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from hosts.models.machines import Host
from xqplatform.secrets import EncryptedTextField


class SshAccess(models.Model):
    """A login on a host. Its key is never shown; the host's key is pinned on first use."""

    host = models.OneToOneField(Host, models.CASCADE, related_name="ssh_access")
    user = models.CharField(_("user"), max_length=32)
    address = models.CharField(_("address"), max_length=250)
    port = models.PositiveIntegerField(_("port"), default=22)
    key = EncryptedTextField(_("SSH key"))
    sudo = models.BooleanField(_("through sudo"), default=False)
    host_key = models.TextField(blank=True)  # pinned: «ssh-ed25519 AAAA…»
    pinned_at = models.DateTimeField(null=True)
    # Another key that answered since: refused, until somebody trusts exactly this one.
    offered_key = models.TextField(blank=True)
    offered_at = models.DateTimeField(null=True)
    checked = models.DateTimeField(null=True)  # when it was tried last
    problem = models.TextField(blank=True)  # what was wrong then; empty: it worked
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.user}@{self.address}" + (f":{self.port}" if self.port != 22 else "")

    @property
    def fingerprint(self) -> str:
        from hosts.ssh import fingerprint

        return fingerprint(self.host_key)

    @property
    def offered_fingerprint(self) -> str:
        from hosts.ssh import fingerprint

        return fingerprint(self.offered_key)
