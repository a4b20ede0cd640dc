"""The flight recorder: what a release did, call by call, and what came of it, for good."""
