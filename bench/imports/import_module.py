"""Imports the module that the command line names, once, in the load generator's three steps.

After a colon, it may name something of that module, which is then asked for.

A child has done so before, so that the compiled files are there and the system has them in memory:
what is measured is Python's work, not the disk's. This is run as a script and imports what Python
itself has loaded, because whatever else is loaded already costs the module nothing.
"""

import os
import sys
import time

module, _, name = sys.argv[1].partition(":")


def load() -> None:
    __import__(module)
    if name:
        getattr(sys.modules[module], name)


if (child := os.fork()) == 0:
    load()
    os._exit(0)
if os.waitpid(child, 0)[1]:
    sys.exit(f"{module} cannot be imported")

before = len(sys.modules)
print("ready", flush=True)
sys.stdin.readline()
began = time.monotonic()
load()
seconds = time.monotonic() - began
loaded = len(sys.modules) - before
print(f'{{"messages": 1, "seconds": {seconds:.6f}, "modules": {loaded}}}', flush=True)
sys.stdin.readline()
