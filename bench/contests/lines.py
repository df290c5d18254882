"""Lines of 64 bytes, each handed to the user's code and answered by itself.

What differs is how many lines the client sends at once before it waits for all the answers: with
one, a library can do no better than one receive and one send for each line; with more, it can save
system calls if it gathers the answers.
"""

from bench.model import Contest, Load

CONTESTS = tuple(
    Contest(
        name=f"lines-{count}",
        title="Lines of {size} bytes, {lines} at once, {connections} connections",
        message="line",
        service="lines",
        limit="c-lines",
        load=Load(connections=16, size=64, lines=count),
        quick=count == 16,
    )
    for count in (1, 16, 128)
)
