"""Who is told of what happened to releases and builds: an inbox a person, messages over channels."""
