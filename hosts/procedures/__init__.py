"""What operations do on machines: bodies of hosts.operations, one file a subject. Importing this registers them."""

from hosts.procedures import daemon, engine, setup, tls

__all__ = ["daemon", "engine", "setup", "tls"]
