"""The table that `trunkline top` and `trunkline serve --stats` show.

`rates` compares two snapshots, `table` makes lines of them, and `screen` shows these on a terminal,
again and again.
"""
