"""Segments on an LXD server: the machine's own bridge, and what we know of it in the server's settings; a part of its engine."""

from __future__ import annotations

from django.utils.translation import gettext as _

from hosts.engine_errors import EngineError
from hosts.engine_specs import NetworkSpec
from hosts.lxd import shape
from hosts.lxd.link import Json
from hosts.lxd.server import Server


class WithSegments(Server):
    def _kept(self) -> dict[str, str]:
        config = self.link.server().get("config") or {}
        return {
            key.removeprefix(shape.NETWORK): str(text) for key, text in config.items() if key.startswith(shape.NETWORK)
        }

    def _network(self, name: str) -> NetworkSpec | None:
        if not name:
            return None
        kept = self._kept().get(name)
        if kept is None:
            words = _("%(where)s has no network %(name)s.")
            raise EngineError("not_found", name, words % {"where": self.where, "name": name})
        return shape.network_spec(name, kept)

    def list_networks(self) -> list[Json]:
        return [_network_seen(shape.network_spec(name, text)) for name, text in sorted(self._kept().items())]

    def inspect_network(self, network: str) -> Json:
        found = self._network(network)
        assert found is not None
        return _network_seen(found)

    def ensure_network(self, spec: NetworkSpec) -> str:
        """Keeps the segment's settings, made if there are none; `conflict` if they differ, `other` if the bridge lacks."""
        kept = self._kept().get(spec.name)
        if kept is not None:
            wrong = spec.differences(_network_seen(shape.network_spec(spec.name, kept)))
            if wrong:
                words = _("The network %(name)s on %(where)s differs from its segment (is, should be): %(text)s.")
                values = {"name": spec.name, "where": self.where, "text": "; ".join(wrong)}
                raise EngineError("conflict", "network differs", words % values)
            return spec.name
        if spec.driver != "bridge":
            words = _("%(where)s is an LXD server: its segments are bridges.")
            raise EngineError("other", spec.driver, words % {"where": self.where})
        if spec.bridge not in self.interfaces():
            words = _("%(where)s has no bridge %(name)s.")
            raise EngineError("other", spec.bridge, words % {"where": self.where, "name": spec.bridge})
        self.link.ask("PATCH", "", body={"config": {f"{shape.NETWORK}{spec.name}": shape.network_json(spec)}})
        return spec.name

    def remove_network(self, network: str) -> None:
        """Forget it; gone is done, in use is a `conflict`."""
        instances = self.link.ask("GET", "/instances", params={"recursion": 1})
        if any(one["config"].get(f"{shape.OWN}network") == network for one in instances):
            words = _("Containers of %(where)s are on the network %(name)s.")
            raise EngineError("conflict", network, words % {"where": self.where, "name": network})
        if network in self._kept():
            self.link.ask("PATCH", "", body={"config": {f"{shape.NETWORK}{network}": ""}})


def _network_seen(spec: NetworkSpec) -> Json:
    return {"Id": spec.name, **spec.body()}
