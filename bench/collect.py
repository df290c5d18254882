"""Finding contests and contestants: each is a small file that nothing else mentions."""

import importlib
import pkgutil
from typing import TypeVar

Item = TypeVar("Item")


def collect(package: str, name: str, kind: type[Item]) -> tuple[Item, ...]:
    """Return what the modules of `package` define under `name`, in the order of their names.

    Args:
        package: The package whose modules are imported.
        name: The variable that each of them defines, a tuple.
        kind: What the tuple must hold.

    Raises:
        TypeError: A module defines something else.
    """
    items: list[Item] = []
    for module in sorted(pkgutil.iter_modules(importlib.import_module(package).__path__)):
        found = getattr(importlib.import_module(f"{package}.{module.name}"), name)
        if not isinstance(found, tuple) or not all(isinstance(item, kind) for item in found):
            raise TypeError(f"{package}.{module.name}.{name} is not a tuple of {kind.__name__}")
        items.extend(found)
    return tuple(items)
