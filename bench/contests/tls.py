"""The same over TLS: what do encrypting and decrypting cost, and a handshake?

What encrypts is OpenSSL everywhere. It is the cost of a handshake, nearly all of it; and of a MiB.
The load goes on with no session: each handshake is a whole one.
"""

from bench.contests.bulk import LINE, MIB
from bench.model import Contest, Load

CONTESTS = (
    Contest(
        name="tls-echo",
        title="Echo of {size}-byte messages over TLS, {connections} connections",
        message="message",
        service="tls echo",
        limit="c-tls-echo",
        load=Load(connections=50, size=1024, tls=True),
    ),
    Contest(
        name="tls-handshakes",
        title="TLS connections: a handshake, one {size}-byte message, and the end",
        message="connection",
        service="tls echo",
        limit="c-tls-echo",
        load=Load(mode="churn", connections=16, size=1024, sources=32, tls=True),
        quick=False,
    ),
    Contest(
        name="tls-bulk-in",
        title="Bulk received over TLS, {connections} connections",
        message="MiB",
        service="tls sink",
        limit="c-tls-sink",
        load=Load(mode="bulk", connections=4, size=MIB, answer=LINE, tls=True),
        quick=False,
    ),
    Contest(
        name="tls-bulk-out",
        title="Bulk sent over TLS, {connections} connections",
        message="MiB",
        service="tls source",
        limit="c-tls-source",
        load=Load(mode="bulk", connections=4, size=LINE, answer=MIB, tls=True),
        quick=False,
    ),
)
