"""Running the platform on one machine: `python -m xqplatform.run` starts and watches all of its processes.

Nothing here imports Django, except what runs in a process of its own (`prepare`): the supervisor stays small and quick.
"""
