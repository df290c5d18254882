"""Ours: by hand on the event base, the transport, and evented; from sources, and compiled."""

from bench.builds import both_builds
from bench.model import Service

PROGRAMS: tuple[tuple[str, Service, str], ...] = (
    ("hand", "echo", "trunkline_hand_echo"),
    ("evented", "echo", "evented_echo"),
    ("transport", "echo", "trunkline_transport_echo"),
    ("lines", "lines", "trunkline_transport_lines"),
    ("sink", "sink", "trunkline_transport_sink"),
    ("source", "source", "trunkline_transport_source"),
)

CONTESTANTS = tuple(
    contestant
    for interface, service, program in PROGRAMS
    for contestant in both_builds(interface=interface, services=(service,), program=program)
)
