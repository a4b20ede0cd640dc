"""Events that somebody else than who did it has to look at: rules take them into a queue, people mark them reviewed."""
