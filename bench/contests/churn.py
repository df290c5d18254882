"""Connections that are accepted, served one message and closed: what does a connection cost?"""

from bench.model import Contest, Load

CONTESTS = (
    Contest(
        name="churn",
        title="Connections accepted, served one {size}-byte message and closed",
        message="connection",
        service="echo",
        limit="c-echo",
        load=Load(mode="churn", connections=16, size=1024, sources=32),
    ),
)
