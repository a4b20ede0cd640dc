"""Steps of a deployment, carried out on their engines: `work` tells the stories, the others are its chapters.

Every function may be begun again where a dead process left it: what is there is found by its labels first, a container
that was made just before a `kill -9` is adopted, and names keep a second one from being made.
"""
