"""What is public says of which types its arguments are, and names all options that it takes."""

import inspect
import typing
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

import trunkline
from trunkline import Transport, connect, evented, make_socket, open_datagrams, reconnect
from trunkline.dialects import clisp, lispworks, port
from trunkline.multiplex.connector import ConnectOptions, LocalConnectOptions
from trunkline.multiplex.datagrams.options import InternetEndpointOptions, LocalEndpointOptions
from trunkline.multiplex.transport_options import TransportOptions

Function = Callable[..., object]

# What really may be anything.
ANYTHING = {
    "args",  # of a callback, or of an exception
    "answer",
    "callback",
    "host",  # that an error names
    "look_up",
    "source",
    "user_info",
    "value",  # of a socket option
    "announce",
}


def functions() -> Iterator[tuple[str, Function]]:
    """Yield what is public and can be called, and the name of it."""
    for namespace in (trunkline, evented, clisp, lispworks, port):
        for name in namespace.__all__:
            public = getattr(namespace, name)
            if inspect.isfunction(public):
                yield f"{namespace.__name__}.{name}", public
            elif isinstance(public, type):
                for each, member in inspect.getmembers(public):
                    function = getattr(member, "__func__", member)
                    is_ours = str(getattr(function, "__module__", "")).startswith("trunkline.")
                    is_public = not each.startswith("_") or each == "__init__"
                    if inspect.isfunction(function) and is_ours and is_public:
                        yield f"{namespace.__name__}.{name}.{each}", inspect.unwrap(function)


FUNCTIONS = dict(functions())


# Their overloads have the types, and these are the tables of what they take.
OVERLOADED: dict[Function, tuple[type, ...]] = {
    connect: (ConnectOptions, LocalConnectOptions),
    reconnect: (ConnectOptions, LocalConnectOptions),
    make_socket: (),
    open_datagrams: (InternetEndpointOptions, LocalEndpointOptions),
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_arguments_have_types(name: str) -> None:
    function = FUNCTIONS[name]
    if function not in OVERLOADED:
        parameters = inspect.signature(function).parameters.values()
        assert {each.name for each in parameters if each.annotation is Any} <= ANYTHING


def options_of(function: Function) -> Iterator[str]:
    """Yield the names of the options that a function takes as ``**options``."""
    tables = OVERLOADED.get(function, ())
    for each in inspect.signature(function).parameters.values():
        if each.kind is inspect.Parameter.VAR_KEYWORD:
            tables += typing.get_args(each.annotation)
    for table in tables:
        yield from table.__annotations__


WITH_OPTIONS = {name: found for name, each in FUNCTIONS.items() if (found := {*options_of(each)})}


def test_there_are_functions_with_options() -> None:
    assert {"trunkline.listen", "trunkline.adopt", "trunkline.Server.__init__"} <= set(WITH_OPTIONS)


@pytest.mark.parametrize("name", sorted(WITH_OPTIONS))
def test_help_names_all_options(name: str) -> None:
    text = inspect.getdoc(FUNCTIONS[name]) or ""
    if name.endswith(".__init__"):  # its arguments stand in the text of the class
        namespace, class_name, _ = name.rsplit(".", 2)
        text = inspect.getdoc(getattr(import_module(namespace), class_name)) or ""
        if "Args:" not in text:
            return  # others make it
    assert {each for each in WITH_OPTIONS[name] if each not in text} == set()


def test_the_options_of_transports_are_those_of_a_transport() -> None:
    keywords = Transport.__init__.__kwdefaults__ or {}
    assert TransportOptions.__annotations__.keys() == keywords.keys()
