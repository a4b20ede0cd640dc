"""How metrics are collected: one small program a host reads everything at once, and its log is the stream that comes here.

`program/` is that program (busybox shell and awk). `image` and `placing` put it onto hosts. `wire` and `stream` follow its log
over the engine's connection, `protocol` makes readings of its lines, `clock` puts them into the platform's time, `deltas` makes
values of readings, `ingest` writes them, `readers` shares the hosts among the workers. `fallback` asks the engine where no
collector can be.
"""
