"""What Prometheus reads at /metrics: the platform's own health, and the last value of every series with its labels."""
