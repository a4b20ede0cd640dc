"""Hooks: what a service has done around a change (a command in the container, a host's reviewed command, an HTTP call)."""
