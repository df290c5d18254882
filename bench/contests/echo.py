"""A message comes, the same message goes back: what does passing bytes through cost?

With 1 KiB, sixteen connections are enough to keep every server busy all the time and few enough
that no server can serve hundreds of them for one question to the kernel. Many small messages show
what a library does for each; few large ones, what it does with the bytes.
"""

from bench.model import Contest, Load

LOADS = {
    "echo": Load(connections=16, size=1024),
    "echo-small": Load(connections=500, size=64),
    "echo-large": Load(connections=10, size=65_536),
}

CONTESTS = tuple(
    Contest(
        name=name,
        title="Echo of {size}-byte messages, {connections} connections",
        message="message",
        service="echo",
        limit="c-echo",
        load=load,
        quick=name == "echo",
    )
    for name, load in LOADS.items()
)
