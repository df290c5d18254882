"""The local socket by which `trunkline serve` is looked at, and told to drain or to reload.

It is for the owner of the process only, and for root: its directory and the socket let nobody else
in, and where the system tells who has connected, that is checked, too.

One asks in lines, each of which is answered by a line of JSON: `LOOK` by a `Snapshot`, and `DRAIN`
and `RELOAD` by what will be done. `place` says where it is, `serving` is the server's end, and
`asking` the other one.
"""
