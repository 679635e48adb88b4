"""What is counted of a running instance, for Prometheus and for the page "Service" (docs/metrics.md)."""
