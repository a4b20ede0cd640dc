"""What applications tell about themselves: a Prometheus endpoint that is read, StatsD datagrams that are heard.

Both end as `app.NAME` of `instance:PK` in the store of metrics. Who an application is says its address in the ledger: only addresses that
an instance holds are asked, and only they are heard.
"""
