"""A message of 1 KiB comes, the same message goes back: what does passing bytes through cost?

Sixteen connections are enough to keep every server busy all the time and few enough that no server
can serve hundreds of them for one question to the kernel.
"""

from bench.model import Contest, Load

CONTESTS = (
    Contest(
        name="echo",
        title="Echo of {size}-byte messages, {connections} connections",
        message="message",
        service="echo",
        limit="c-echo",
        load=Load(connections=16, size=1024),
    ),
)
