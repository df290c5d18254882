"""Prometheus' client library, if it is there."""

from types import ModuleType

__all__ = ("load_core",)


def load_core() -> ModuleType:
    """Return the module that has the kinds of metrics.

    Raises:
        ModuleNotFoundError: There is no `prometheus_client`; the message says how to get it.
    """
    try:
        from prometheus_client import core
    except ModuleNotFoundError as error:
        hint = "metrics take the extra metrics: pip install 'trunkline[metrics]'"
        raise ModuleNotFoundError(hint, name=error.name) from error
    return core
