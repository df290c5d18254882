"""What an event loop costs by itself: a call that is made later, and a timer.

The numbers of calls and timers are those of `bench.loops`.
"""

from bench.model import Contest, Service, Task

TASKS: tuple[tuple[Service, str, str], ...] = (
    ("soon-chained", "call", "Calls, each of which asks for the next"),
    ("soon-queued", "call", "Calls, 300,000 asked for before the first is made"),
    ("soon-threadsafe", "call", "Calls that another thread asks for"),
    ("timer-cancelled", "timer", "Timers set and cancelled"),
    ("timer-pending", "timer", "Timers set and cancelled while 100,000 are pending"),
    ("timer-fired", "timer", "Timers set and fired, 100,000 at a time"),
)

CONTESTS = tuple(
    Contest(
        name=service,
        title=title,
        message=message,
        service=service,
        limit="c-calls",
        load=Task(),
        quick=service not in ("soon-queued", "timer-pending"),
    )
    for service, message, title in TASKS
)
