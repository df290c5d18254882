"""What `trunkline bench` does: load at a rate, and how long answers take.

`schedule` says when each message is to go, `exchanges` what is said and when it is answered, and
`histogram` counts. None of them does any I/O: `load` does, and `result` and `svg` tell what came of
it.
"""
