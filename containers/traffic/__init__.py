"""Traffic: an instance is taken out before it is stopped, and put back when it is well."""
