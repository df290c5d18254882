"""A datagram comes, the same goes back to its sender: what does each cost that answers many peers?

All of them have one in flight, so that a server finds several whenever it looks.
"""

from bench.model import Contest, Load

SIZES = {"datagrams-small": 64, "datagrams": 1024}

CONTESTS = tuple(
    Contest(
        name=name,
        title="Echo of {size}-byte datagrams, {connections} peers",
        message="datagram",
        service="datagrams",
        limit="c-datagrams",
        load=Load(mode="datagrams", connections=50, size=size),
        quick=name == "datagrams",
    )
    for name, size in SIZES.items()
)
