"""The numbers of servers for Prometheus.

They need `prometheus_client`, which comes with the extra ``metrics``:
``pip install 'trunkline[metrics]'``. It is imported when the first of these is used.

A `Collector` is for servers of this process, in whatever registry and behind whatever endpoint.
Workers have their numbers in processes of their own: `serve_metrics` lets their supervisor ask
them, and serves what they say.
"""

from .collector import Collector, Counting
from .endpoint import serve_metrics

__all__ = ("Collector", "Counting", "serve_metrics")
