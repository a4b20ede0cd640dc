"""Networks of an engine."""

from __future__ import annotations

import time

from django.utils.translation import gettext as _

from hosts.engine_body import Json
from hosts.engine_errors import EngineError
from hosts.engine_link import Link
from hosts.engine_specs import NetworkSpec

NETWORK_TRIES = 20  # to make a network that another worker may just be making
NETWORK_PAUSE = 0.25  # seconds


class WithNetworks(Link):
    """What is asked of an engine's networks."""

    def list_networks(self) -> list[Json]:
        return list(self._json("GET", "/networks"))

    def inspect_network(self, network: str) -> Json:
        return dict(self._json("GET", f"/networks/{network}"))

    def ensure_network(self, spec: NetworkSpec) -> str:
        """The id of the network, made if there is none of this name; `conflict` if it is there but differs.

        Safe to call from many workers at once: a refusal may come from another one who is making this very network, which
        the engine does not list yet (its range or bridge is taken then), so it is looked for again for some seconds.
        """
        for attempt in range(NETWORK_TRIES):
            try:
                seen = self.inspect_network(spec.name)
            except EngineError as error:
                if error.kind != "not_found":
                    raise
            else:
                return self._checked(spec, seen)
            try:
                return str(self._json("POST", "/networks/create", body=spec.body(), repeat=False)["Id"])
            except EngineError as error:
                broke_off = error.kind == "unreachable" and attempt == 0  # it may have been made all the same
                if (error.out_of_reach and not broke_off) or attempt == NETWORK_TRIES - 1:
                    raise
            if attempt:
                time.sleep(NETWORK_PAUSE)
        raise AssertionError("unreachable")

    def _checked(self, spec: NetworkSpec, seen: Json) -> str:
        differences = spec.differences(seen)
        if differences:
            words = _("The network %(name)s on %(where)s differs from its segment (is, should be): %(text)s.")
            values = {"name": spec.name, "where": self.where, "text": "; ".join(differences)}
            raise EngineError("conflict", "network differs", words % values)
        return str(seen["Id"])

    def remove_network(self, network: str) -> None:
        """Remove it; gone is done, in use is a `conflict`."""
        try:
            self.call("DELETE", f"/networks/{network}", accept=[404])
        except EngineError as error:
            if error.kind == "forbidden" and "active endpoints" in error.message:
                raise EngineError("conflict", error.message, error.words) from error
            raise
