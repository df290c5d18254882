"""The servers that compete: programs that print their port and then serve until they are killed.

Each is written as its library's own documentation would write it. What could be tuned is the same
for all of them and stands here; `bench.build` hands the same numbers to the C servers.
"""

HOST = "127.0.0.1"

# Longer than any number of connections that the load opens at the same time: no connection is ever
# refused or delayed, so that this number does not decide anything.
BACKLOG = 1024

# As many connections as a server is to have at the same time, where that is limited by itself: all.
CONNECTIONS = 20_000

# The most bytes that one receive may return, where an interface lets its user choose. It is what
# asyncio uses inside its transports, where nobody can choose; Trunkline's receive at most a quarter
# of it. Only in bulk are as many bytes waiting; there it is a part of what is measured.
RECEIVE_LIMIT = 256 * 1024

# What a server that sends in bulk hands over at a time. It fits into one segment of loopback's,
# which carries 65,483 bytes. What is left of a larger piece leaves at once, because of TCP_NODELAY,
# in a tiny segment of its own. One byte more than fits already costs C a quarter more; 64 KiB cost
# everybody up to three times as much, in some runs and not in others, which would decide the order.
PIECE = 56 * 1024

# The most bytes that one receive of datagrams asks for, where its user chooses: all of them fit.
LARGEST_DATAGRAM = 65_536
