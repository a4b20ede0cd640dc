"""LXD and Incus servers behind the same doors as a Docker Engine: `link` talks, `shape` translates (pure), `engine` is the runtime."""
