"""What `trunkline serve exec` does: a process for each connection.

A process gets the connection itself as its standard input and output, or pipes where it is
encrypted: that is in `protocol`. `running` has what both need: how one ends with the other, and
that no process is left behind. `environment` is what a process is told of its client.
"""
