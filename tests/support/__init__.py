"""What the tests share: real processes and peers, leak accounting, deadlines, reading source code.

Everything here is plain Python and standard library sockets: a test of Trunkline that talks to
Trunkline's own idea of a peer would prove that the two agree, not that either is right.
"""
