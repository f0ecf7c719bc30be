"""What the metrics tell → two Grafana dashboards, as JSON that is committed: `python -m dashboards` writes it anew.

Only this package knows grafana-foundation-sdk; what runs in production never imports it.
"""
