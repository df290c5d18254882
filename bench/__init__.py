"""The benchmark: Trunkline, its peers and a C program, measured by the same load on the same day.

Nothing here is imported by the library. `README.md` says how to run it and how it measures; read
in this order to convince yourself that it is fair: `load/load.c`, `servers/`, `match.py`,
`measure.py`, `report.py`.
"""
