"""What an LXD server tells of itself and its machine; the ground of its engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

from django.utils.translation import gettext as _

from hosts.engine_address import ConnectionSpec
from hosts.engine_errors import EngineError
from hosts.inventory import Space
from hosts.lxd import shape
from hosts.lxd.link import CALL_SECONDS, Json, Link
from hosts.outside import own_calls

# The Engine API's requests of the same meaning, by which calls are noted.
OWN_CALLS = {
    "create": ("POST", "/containers/create"), "remove": ("DELETE", "/containers/{target}"),
    "pull": ("POST", "/images/create"),
}  # fmt: skip


class Server:
    """The server itself: who it is, what it has, how much room."""

    def __init__(self, spec: ConnectionSpec, api_version: str = "", timeout: float = CALL_SECONDS) -> None:
        """`api_version`: as for the other runtime; there is but one."""
        self.spec, self.where, self.timeout = spec, spec.where, timeout
        self.link = Link(spec, timeout)

    @contextmanager
    def own(self, verb: str, target: str, command: Iterable[str] = ()) -> Iterator[None]:
        """Notes what the platform does itself, so that whoever hears of it later knows. `verb`: of the Engine API's container calls."""
        method, path = OWN_CALLS.get(verb, ("POST", f"/containers/{target}/{verb}"))
        body = {"Cmd": list(command)} if command else None
        mark = own_calls.begin(
            self.where, method, path.format(target=target), {"name": target, "fromImage": target}, body
        )
        try:
            yield
        finally:
            own_calls.end(mark)

    def close(self) -> None:
        self.link.close()

    # --- The server ----------------------------------------------------------------------------------------------

    @property
    def api_version(self) -> str:
        return str(self._trusted().get("api_version") or "")

    def _trusted(self) -> Json:
        """What the server says of itself. Raises EngineError (`forbidden`) if it does not know the platform's certificate."""
        server = self.link.server()
        if server.get("auth") != "trusted":
            words = _("%(where)s does not know the platform's certificate: join it with a trust token or password.")
            raise EngineError("forbidden", "untrusted", words % {"where": self.where})
        return dict(server)

    def ping(self, timeout: float = 5) -> None:
        self.link.ask("GET", "", timeout=timeout)

    def version(self, timeout: float | None = None) -> Json:
        server = self._trusted()
        environment = server.get("environment") or {}
        version = str(server.get("api_version") or "")
        return {
            "Version": environment.get("server_version", ""), "ApiVersion": version, "MinAPIVersion": version,
            "Os": str(environment.get("kernel") or "").lower(), "Arch": environment.get("kernel_architecture", ""),
            "KernelVersion": environment.get("kernel_version", ""), "Name": environment.get("server", "lxd"),
        }  # fmt: skip

    def info(self) -> Json:
        server, resources = self._trusted(), self.link.ask("GET", "/resources")
        pool = self.pool()
        found = shape.info(server, resources, len(self.link.ask("GET", "/instances")))
        return found | {"DockerRootDir": f"{pool['name']} ({pool['driver']})", "Driver": pool["driver"]}

    def pool(self) -> Json:
        """The storage pool of roots and volumes: the default profile's, else the first. Raises EngineError if there is none."""
        profile = self.link.ask("GET", "/profiles/default", absent=True) or {}
        named = ((profile.get("devices") or {}).get("root") or {}).get("pool")
        pools = self.link.ask("GET", "/storage-pools", params={"recursion": 1})
        for pool in pools:
            if pool["name"] == named or not named:
                return dict(pool)
        words = _("%(where)s has no storage pool: make one there with `lxc storage create`.")
        raise EngineError("other", "no pool", words % {"where": self.where})

    def disk_usage(self) -> Json:
        """What images and volumes take, as far as the server counts it."""
        images = self.link.ask("GET", "/images", params={"recursion": 1})
        return {"Images": [{"Id": one["fingerprint"], "Size": one["size"]} for one in images], "LayersSize": 0}

    def data_root_space(self, data_root: str) -> Space | None:
        """The room of the storage pool."""
        name = quote(data_root.partition(" (")[0] or str(self.pool()["name"]))
        return shape.space(self.link.ask("GET", f"/storage-pools/{name}/resources"))

    def interfaces(self) -> dict[str, int]:
        """The machine's network interfaces and their MTUs."""
        found = self.link.ask("GET", "/networks", params={"recursion": 1})
        states = {
            one["name"]: self.link.ask("GET", f"/networks/{quote(one['name'])}/state", absent=True) for one in found
        }
        return {name: int((state or {}).get("mtu") or 0) for name, state in states.items()}
