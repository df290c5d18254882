"""Ours: by hand on the event base, the transport, and evented."""

from bench.model import Contestant, Service

PROGRAMS: tuple[tuple[str, Service, str], ...] = (
    ("hand", "echo", "trunkline_hand_echo"),
    ("evented", "echo", "evented_echo"),
    ("transport", "echo", "trunkline_transport_echo"),
    ("lines", "lines", "trunkline_transport_lines"),
    ("sink", "sink", "trunkline_transport_sink"),
    ("source", "source", "trunkline_transport_source"),
)

CONTESTANTS = tuple(
    Contestant(
        library="trunkline",
        interface=interface,
        services=(service,),
        program=program,
        environment=(("TRUNKLINE_IMPL", "pure"),),
    )
    for interface, service, program in PROGRAMS
)
