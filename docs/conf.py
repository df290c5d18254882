"""How the documentation is built: ``make docs``, offline, with every warning an error.

Most of this is about the reference, which is made of docstrings. What is public has one address,
``trunkline.NAME``, wherever its module is. A name in backticks is a link if something public has
it. A signature is the one in the source, with the names of types that are there, and not what they
stand for.
"""

import ast
import builtins
import html
import inspect
import re
import sys
import textwrap
import typing
from dataclasses import is_dataclass
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.napoleon import Config as GoogleStyle
from sphinx.ext.napoleon import GoogleDocstring
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.typing import stringify_annotation
from sphinx.writers.html5 import HTML5Translator

import trunkline
from trunkline import aio, evented, names, paths
from trunkline.dialects import clisp, lispworks, port
from trunkline.testing import certificates, dns

project = "Trunkline"
version = release = trunkline.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "Trunkline"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["signatures.css", "charts.css"]
myst_heading_anchors = 3

add_module_names = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True

# Without a network, nothing can be looked up in Python's own documentation.
nitpick_ignore = [
    (kind, name) for kind in ("py:class", "py:exc", "py:obj") for name in dir(builtins)
]
nitpick_ignore_regex = [
    (
        r"py:.*",
        r"(asyncio|collections|concurrent|contextlib|enum|io|ipaddress|logging|os|pathlib)\..*"
        r"|(socket|ssl|types|typing)\..*",
    ),
    # A part of the event loop, which is described as a whole.
    (r"py:class", r"(trunkline\.aio\.[\w.]+\.)?\w+Loop"),
    # They have no methods that a reader would call.
    (r"py:class", r"trunkline\.[\w.]+\.(python_names|uncopied)\..*"),
    (r"py:class", r"trunkline\._sys\..*"),
    # What it has is described with those that inherit it.
    (r"py:class", r"trunkline\.sockets\.(listening_socket|local_stream|peer|secured|urgent)\..*"),
    (r"py:class", r"trunkline\.sockets\.datagrams\.(message_socket|multicast)\..*"),
    (r"py:class", r"trunkline\.(sockets\.options\.with_options|streams\.file_sending)\..*"),
    (r"py:class", r"Any|Callable|Context|Iterator|Literal|Self|Sequence|PathLike|Thread|P(\.\w+)?"),
    (r"py:class", r"(trunkline\.sockets\.datagrams\.received\.)?T"),
    (r"py:class", r"str \| bytes \| .*"),  # a union that Sphinx does not take apart
    (r"py:class", r"TLSLike|Arguments|Buffer|HasFileno|IPVersion|OptionName|Path|PythonSocket"),
    (r"py:class", r"(prometheus_client\.metrics_core\.)?Metric"),
    (r"py:class", r"BinaryFile|FileCallback|PythonProcess|Securing|SourceFile"),
    (r"py:class", r"(Raw|Datagram)Descriptor"),
    (r"py:class", r"trunkline\.processes\.(options\.HasFileno|run\.Output)"),
    # Nobody makes a process by its class.
    (r"py:class", r"Child|PipeDescriptor|Started"),
    (r"py:class", r".*\.Maybe(Stream|Condition)"),
]


# -- one address for what is public ---------------------------------------------------------------

SPACES = (clisp, lispworks, port, names, paths, dns, certificates, trunkline, evented, aio)

# `trunkline.sockets.active_socket.ActiveSocket` is `trunkline.ActiveSocket`.
PUBLIC = {
    f"{thing.__module__}.{thing.__qualname__}": f"{namespace.__name__}.{name}"
    for namespace in SPACES
    for name, thing in ((name, getattr(namespace, name)) for name in namespace.__all__)
    if isinstance(thing, type)
}


def find_public_name(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """Resolve a type that is called after its module."""
    public = PUBLIC.get(node.get("reftarget", ""))
    if public is None:
        return None
    text = nodes.Text(public.rpartition(".")[2])
    return env.get_domain("py").resolve_xref(
        env, node["refdoc"], app.builder, "obj", public, node, text
    )


def link_public_names(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Make a link of each name in backticks that is public, and code of what else is in them."""
    domain = app.env.get_domain("py")
    namespaces = ["trunkline", "trunkline.evented"]
    if docname.endswith("/evented"):
        namespaces.reverse()
    if docname.endswith("/names"):
        namespaces += ["trunkline.names", "trunkline.testing.dns"]
    if docname.endswith("/paths"):
        namespaces += ["trunkline.paths"]
    # The names of a dialect are unambiguous only on its own pages.
    namespaces += [
        f"trunkline.dialects.{name}"
        for name in ("clisp", "lispworks", "port")
        if docname.endswith(f"/{name}")
    ]
    # Single backticks are code in Markdown, and a "title" in the docstrings, for Sphinx.
    for kind in (nodes.title_reference, nodes.literal):
        for found in list(doctree.findall(kind)):
            text = found.astext()
            literal = nodes.literal(text, text)
            name = re.sub(r"\(.*\)$", "", text)
            links = (
                domain.resolve_xref(
                    app.env,
                    docname,
                    app.builder,
                    "obj",
                    f"{namespace}.{name}",
                    addnodes.pending_xref(),
                    literal,
                )
                for namespace in namespaces
            )
            link = next(filter(None, links), None)
            if link is not None and not isinstance(found.parent, nodes.reference):
                found.replace_self(link)
            elif kind is nodes.title_reference:
                found.replace_self(literal)


# -- docstrings -----------------------------------------------------------------------------------

GOOGLE_STYLE = GoogleStyle(napoleon_use_ivar=True)


def read_docstring(
    app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]
) -> None:
    """Turn a docstring in Google's style into what Sphinx reads."""
    if what == "data":
        lines[:] = docstring_below(name)
    text = "\n".join(lines)
    # Several errors with one explanation may take more than a line.
    text = re.sub(r"(?m)^( {4}[A-Z]\w+(?:, \w+)*),\n {4}(?=\w+)", r"\1, ", text)
    # For attributes Sphinx has rules of its own, by which a colon would end a type.
    kind = "method" if what in ("property", "attribute", "data") else what
    lines[:] = GoogleDocstring(text, GOOGLE_STYLE, app, kind, name, obj, options).lines()
    for number, line in enumerate(lines):
        # "Raises: Everything that `connect` raises." names no class of errors.
        if found := re.fullmatch(r":raises ((?:Everything|Whatever) .*):", line):
            lines[number] = f":raises: {found[1]}"


def docstring_below(name: str) -> list[str]:
    """Return the string below the assignment of a constant, in whichever module that is."""
    for module in sorted(each for each in sys.modules if each.startswith("trunkline.")):
        documented = ModuleAnalyzer.for_module(module).find_attr_docs()
        if docstring := documented.get(("", name.rpartition(".")[2])):
            return docstring
    return []


# -- signatures -----------------------------------------------------------------------------------

# Classes that others make for you, and those of which there is no object to make.
NOT_CALLED = {
    trunkline.ActiveSocket,
    trunkline.AsyncIOState,
    trunkline.Cause,
    trunkline.DatagramSocket,
    trunkline.IOHandler,
    trunkline.Listener,
    trunkline.PacketSocket,
    trunkline.PassivePacketSocket,
    trunkline.PassiveSocket,
    trunkline.Reconnector,
    trunkline.Resolver,
    trunkline.Sender,
    trunkline.ServerConnection,
    trunkline.Socket,
    trunkline.Stream,
    trunkline.StreamIO,
    trunkline.Timer,
    evented.FreeableHandle,
    evented.Handle,
    evented.Lookup,
    evented.Poller,
    evented.SignalHandler,
    clisp.SocketStream,
    lispworks.ServerProcess,
}


def read_signature(
    app: Sphinx,
    what: str,
    name: str,
    obj: Any,
    options: Any,
    arguments: str | None,
    returned: str | None,
) -> tuple[str, str | None] | None:
    """Return a signature as the source has it, and none for what nobody calls."""
    if isinstance(obj, type):
        if is_dataclass(obj) and arguments:
            return arguments.replace("<factory>", "{}"), returned  # which is none of Python's
        if issubclass(obj, tuple) or is_dataclass(obj):
            return None  # of whose signature there is no source
        if obj in NOT_CALLED or "__init__" not in vars(obj):
            return ("", None) if arguments else None
        obj = obj.__init__
    function = inspect.unwrap(getattr(obj, "__func__", obj))
    if not inspect.isfunction(function):
        return None
    definition = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef)
    annotations = Annotations(function.__globals__)
    for argument in ast.walk(definition.args):
        if isinstance(argument, ast.arg) and argument.annotation is not None:
            argument.annotation = annotations.visit(argument.annotation)
    leave_to_the_text(definition.args)
    positional = definition.args.args
    if positional and positional[0].arg in ("self", "cls"):
        del positional[0]
    signature = f"({ast.unparse(definition.args)})"
    if definition.returns is None or definition.name == "__init__":
        return signature, None
    return signature, ast.unparse(annotations.visit(definition.returns))


def leave_to_the_text(arguments: ast.arguments) -> None:
    """Show no type where the default depends on other arguments, and the type does, too.

    The text below the signature says how.
    """
    count = len(arguments.defaults)
    defaults = [*zip(arguments.args[-count:] if count else [], arguments.defaults, strict=True)]
    defaults += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    for argument, default in defaults:
        if isinstance(default, ast.Constant) and default.value is ...:
            argument.annotation = None


# What readers are told of types that are more for checkers.
SHOWN_AS = {
    "AnyName": "Endpoint | LocalAddress",
    "Buffer": "Buffer",
    "DescriptorLike": "int | HasFileno",
    "Element": "Any",  # the text says what
    "Source": "Any",  # here, too
    "DatagramProtocolLike": "DatagramProtocol",  # or what has a method of it, as for this:
    "ProtocolLike": "TransportProtocol",
    "Timeout": "float | None",  # or DEFAULT_TIMEOUT, of a type that is nobody's
}


class Annotations(ast.NodeTransformer):
    """Spells types out that have a name in the source only, and leaves public names alone."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self._names.get(node.id)
        if node.id in SHOWN_AS:
            return ast.Name(SHOWN_AS[node.id])
        if node.id in trunkline.__all__ or typing.get_origin(value) is None:
            return node
        return ast.Name(stringify_annotation(value, "smart"))

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        generic = ast.unparse(node.value)
        if generic == "Unpack":  # the docstring says which options there are
            return ast.Name("Any")
        if generic != "Literal":
            self.generic_visit(node)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return ast.Name(node.value) if isinstance(node.value, str) else node


def forget_overloads() -> None:
    """Let the signature be that of the function itself, which says it all at once."""
    for module in [each for each in sys.modules if each.startswith("trunkline.")]:
        analyzer = ModuleAnalyzer.for_module(module)
        analyzer.analyze()
        analyzer.overloads.clear()


# -- folding --------------------------------------------------------------------------------------

MANY = 6
"""With more arguments than this, a signature is folded."""


class FoldingTranslator(HTML5Translator):
    """Folds long signatures: their positional arguments are seen, and the options on request."""

    def visit_desc_parameterlist(self, node: nodes.Element) -> None:
        names = [re.split(r"[:=]", each.astext())[0].strip() for each in node]
        if is_folded(node):
            node["multi_line_parameter_list"] = True
            seen = names[: names.index("*")] if "*" in names else names[:1]
            count = sum(name not in ("*", "/") for name in names) - len(seen)
            text = html.escape(", ".join(seen))
            separator = ", " if seen else ""
            self.body.append(
                f'<details class="sig-options"><summary>({text}{separator}'
                f'<span class="sig-count">… {count} more</span>)</summary>'
            )
        super().visit_desc_parameterlist(node)

    def depart_desc_parameterlist(self, node: nodes.Element) -> None:
        super().depart_desc_parameterlist(node)
        if is_folded(node):
            self.body.append("</details>")


def is_folded(parameters: nodes.Element) -> bool:
    """Say whether a signature is one to fold."""
    return len(parameters) > MANY


def setup(app: Sphinx) -> None:
    """Connect what is above to Sphinx."""
    app.set_translator("html", FoldingTranslator)
    forget_overloads()
    app.connect("missing-reference", find_public_name)
    app.connect("doctree-resolved", link_public_names)
    app.connect("autodoc-process-docstring", read_docstring)
    app.connect("autodoc-process-signature", read_signature)
