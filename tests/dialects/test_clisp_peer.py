"""The real CLISP at the other end: its sockets against ours, in both roles, and what each sees.

It is driven form by form, so that nothing depends on who is faster.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from dialects.clisp_helpers import LOOPBACK, fill, serving
from support.peers import connect
from support.processes import Program, example
from support.programs import require
from support.timing import PATIENCE

from trunkline import PassiveSocket
from trunkline.dialects.clisp import (
    SocketStream,
    socket_accept,
    socket_connect,
    socket_server_port,
    socket_status,
    socket_stream_local,
    socket_stream_peer,
    socket_stream_shutdown,
)

pytestmark = pytest.mark.needs_program("clisp")

LOOP = """
(setq *print-pretty* nil *print-case* :downcase)
(loop
  (let ((form (read *standard-input* nil :over)))
    (when (eq form :over) (return))
    (format t "~S~%"
      (handler-case (multiple-value-list (eval form))
        (error (condition) (list :failed (substitute #\\Space #\\Newline
          (princ-to-string condition))))))
    (finish-output)))
"""


class Lisp:
    """A running CLISP, which evaluates one form after the other."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def __call__(self, form: str) -> str:
        """Return the values of a form, as a list that Lisp prints, without its parentheses."""
        self.begin(form)
        return self.end()

    def begin(self, form: str) -> None:
        """Give it a form, whose values are asked for later."""
        self._program.send(form + "\n")

    def end(self) -> str:
        """Return the values of the form that was given."""
        return self._program.wait_for_line(r"^\((.*)\)$")[1]


@pytest.fixture
def lisp(tmp_path: Path) -> Iterator[Lisp]:
    """A CLISP, in a directory of its own."""
    script = tmp_path / "loop.lisp"
    script.write_text(LOOP)
    with Program([require("clisp"), "-q", "-norc", "-E", "utf-8", str(script)]) as program:
        yield Lisp(program)


@pytest.fixture
def server() -> Iterator[PassiveSocket]:
    """A server of ours."""
    with serving() as server:
        yield server


@contextlib.contextmanager
def connection_to_us(
    lisp: Lisp, server: PassiveSocket, options: str = ""
) -> Iterator[SocketStream]:
    """Yield our stream of a connection that Lisp has made; there it is called ``s``."""
    port = socket_server_port(server)
    assert lisp(f'(progn (setq s (socket:socket-connect {port} "{LOOPBACK}" {options})) t)') == "t"
    with socket_accept(server, external_format="dos", timeout=PATIENCE) as stream:
        yield stream


@contextlib.contextmanager
def connection_to_lisp(lisp: Lisp, options: str = "") -> Iterator[SocketStream]:
    """Yield our stream of a connection to Lisp, where the server is ``v`` and the stream ``s``."""
    port = int(
        lisp(
            f'(socket:socket-server-port (setq v (socket:socket-server 0 :interface "{LOOPBACK}")))'
        )
    )
    with socket_connect(port, LOOPBACK, external_format="dos", timeout=PATIENCE) as stream:
        assert lisp(f"(progn (setq s (socket:socket-accept v {options})) t)") == "t"
        yield stream


# -- its connection to us -------------------------------------------------------------------------


def test_its_status_of_our_server_and_ours_of_its_client(lisp: Lisp, server: PassiveSocket) -> None:
    assert socket_status(server, 0) == (None, 0)
    with connection_to_us(lisp, server, ":external-format :dos") as stream:
        assert lisp("(socket:socket-status s 0)") == ":output 1"
        assert lisp("(socket:socket-status (cons s :input) 0)") == "nil 0"
        assert socket_status(stream, 0) == ("output", 1)
        stream.write("foo\nb\xe4r\n")
        assert lisp("(socket:socket-status (cons s :input) 10)") == ":input 1"
        assert lisp("(socket:socket-status s 0)") == ":io 1"
        assert lisp("(read-line s)") == '"foo" nil'
        assert lisp("(socket:socket-status s 0)") == ":io 1"  # the rest is in its buffer
        assert lisp("(read-line s)") == '"b\xe4r" nil'
        assert lisp("(socket:socket-status s 0)") == ":output 1"
        socket_stream_shutdown(stream, "output")
        assert lisp("(socket:socket-status (cons s :input) 10)") == ":eof 1"
        assert lisp("(socket:socket-status s 0)") == ":append 1"
        assert lisp('(progn (format s "still~%h\xe9re~%") (finish-output s))') == "nil"
        assert socket_status((stream, "input"), PATIENCE) == ("input", 1)
        assert [stream.read_line(), stream.read_line()] == ["still", "h\xe9re"]
        assert lisp("(close s)") == "t"
        assert socket_status((stream, "input"), PATIENCE) == ("eof", 1)


def test_both_say_the_same_of_who_they_are(lisp: Lisp, server: PassiveSocket) -> None:
    with connection_to_us(lisp, server) as stream:
        for ours, its in (("peer", "local"), ("local", "peer")):
            for flag, lisps in ((True, "t"), (False, "nil")):
                tell = {"peer": socket_stream_peer, "local": socket_stream_local}[ours]
                host, port = tell(stream, flag)
                there = lisp(f"(socket:socket-stream-{its} s {lisps})")
                # Names of an address are the system's, and there may be several.
                assert there.startswith(f'"{LOOPBACK}{" (" if not flag else chr(34)}')
                assert there.endswith(f" {port}")
                assert host.startswith(LOOPBACK)
                assert (" (" in host) is not flag


def test_bytes_and_text_in_both_directions(lisp: Lisp, server: PassiveSocket) -> None:
    with connection_to_us(lisp, server, ":external-format :dos") as stream:
        data = bytes(range(256)) * 100
        stream.write(f"Content-length: {len(data)}\n\n")
        stream.write(data)
        stream.write("done\n")
        assert lisp("(list (read-line s) (read-line s))") == f'("Content-length: {len(data)}" "")'
        assert lisp("(progn (setf (stream-element-type s) '(unsigned-byte 8)) t)") == "t"
        assert lisp(
            f"(progn (setq d (make-array {len(data)} :element-type '(unsigned-byte 8)))"
            " (ext:read-byte-sequence d s))"
        ) == str(len(data))
        lisp.begin("(progn (ext:write-byte-sequence d s) (finish-output s) t)")
        assert stream.read_exactly(len(data), timeout=PATIENCE) == data
        assert lisp.end() == "t"
        assert lisp("(progn (setf (stream-element-type s) 'character) (read-line s))") == (
            '"done" nil'
        )
        assert lisp('(progn (write-line "text" s) (finish-output s) t)') == "t"
        assert stream.read_line(timeout=PATIENCE) == "text"


def test_a_full_connection_is_neither_input_nor_output(lisp: Lisp, server: PassiveSocket) -> None:
    with connection_to_us(lisp, server) as stream:
        fill(stream)
        assert socket_status(stream, 0) == (None, 0)
        assert lisp("(socket:socket-status (cons s :input) 10)") == ":input 1"
        assert lisp('(progn (write-line "x" s) (finish-output s) t)') == "t"
        assert socket_status((stream, "input"), PATIENCE) == ("input", 1)
        assert socket_status(stream, 0) == ("input", 1)
        stream.close(abort=True)


def test_its_reset_is_our_error(lisp: Lisp, server: PassiveSocket) -> None:
    with connection_to_us(lisp, server) as stream:
        assert lisp("(progn (socket:socket-options s :so-linger 0) (close s))") == "t"
        assert socket_status(stream, PATIENCE) == ("error", 1)


def test_our_reset_is_its_error(lisp: Lisp, server: PassiveSocket) -> None:
    with connection_to_us(lisp, server) as stream:
        stream.close(reset=True)
        assert "Connection reset" in lisp("(socket:socket-status s 10)")


# -- our connection to it -------------------------------------------------------------------------


def test_our_status_of_its_server_and_its_of_our_client(lisp: Lisp) -> None:
    with connection_to_lisp(lisp, ":external-format :dos") as stream:
        assert lisp("(socket:socket-status (list (list v) (list s :io)) 0)").endswith(" 1")
        assert socket_status(stream, 0) == ("output", 1)
        asked = [[stream, "io", None]]
        stream.write_line("foo")
        assert lisp("(socket:socket-status (cons s :input) 10)") == ":input 1"
        assert lisp("(read-line s)") == '"foo" nil'
        assert lisp('(progn (format s "one~%two~%") (finish-output s))') == "nil"
        assert socket_status((stream, "input"), PATIENCE) == ("input", 1)
        assert socket_status(asked, 0) == ([[stream, "io", "io"]], 1)
        assert [stream.read_line(), stream.read_line()] == ["one", "two"]
        assert lisp("(socket:socket-stream-shutdown s :output)") in ("nil", "")
        assert socket_status((stream, "input"), PATIENCE) == ("eof", 1)
        assert socket_status(asked, 0) == ([[stream, "io", "append"]], 1)
        stream.write_line("good bye")
        assert lisp("(read-line s)") == '"good bye" nil'
        stream.close()
        assert lisp("(socket:socket-status (cons s :input) 10)") == ":eof 1"


def test_its_server_sees_us_wait(lisp: Lisp) -> None:
    port = int(lisp("(socket:socket-server-port (setq v (socket:socket-server)))"))
    assert lisp("(socket:socket-wait v 0)") == "nil"
    assert lisp("(socket:socket-status v 0)") == "nil 0"
    with socket_connect(port, LOOPBACK, timeout=0) as stream:
        assert lisp("(socket:socket-wait v 10)") == "t"
        assert lisp("(socket:socket-status v 0)") == "t 1"
        assert socket_status(stream, PATIENCE) == ("output", 1)


# -- programs -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_it_uses_our_read_eval_print_loop(lisp: Lisp) -> None:
    with example("repl_server") as program:
        port = program.wait_for_line(r'"127\.0\.0\.1":(\d+)$')[1]
        form = f'(setq s (socket:socket-connect {port} "{LOOPBACK}" :external-format :dos))'
        assert lisp(f"(progn {form} t)") == "t"
        program.wait_for_line("^Connection: ")
        assert lisp('(progn (write-line "6 * 7" s) (read-line s))') == '"42" nil'
        assert lisp("(read-line s)") == '"" nil'
        assert lisp("(close s)") == "t"
        with connect((LOOPBACK, int(port))) as client:
            client.sendall(b"1\n")
            assert client.recv(1) == b"1"


ANSWER = r"""
(defun answer (answer)
  (with-open-stream (s (socket:socket-accept v :external-format :dos))
    (setq request (loop for line = (read-line s nil nil)
                        while (and line (plusp (length line))) collect line))
    (setq body (funcall answer s))
    (finish-output s)))
"""


@pytest.fixture
def http_port(lisp: Lisp) -> int:
    """The port of a Lisp that answers one request when it is told to."""
    assert lisp(ANSWER.replace("\n", " ")) == "answer"
    form = f'(setq v (socket:socket-server 0 :interface "{LOOPBACK}"))'
    return int(lisp(f"(socket:socket-server-port {form})"))


@pytest.mark.parametrize("program", ["wget_text", "wget_binary"])
@pytest.mark.slow
def test_our_programs_get_from_it(lisp: Lisp, http_port: int, program: str, tmp_path: Path) -> None:
    header = "HTTP/1.0 200 OK~%Content-length: 7~2%"
    lisp.begin(f'(answer (lambda (s) (format s "{header}a~%b~%c") nil))')
    file = tmp_path / "got"
    with example(program, LOOPBACK, "/page", str(file), str(http_port)) as running:
        assert running.wait() == 0
    assert lisp.end() == "nil"
    assert lisp("request") == '("GET /page HTTP/1.0")'
    if program == "wget_binary":
        assert file.read_bytes() == b"a\r\nb\r\nc"
    else:
        assert file.read_bytes() == b"HTTP/1.0 200 OK\nContent-length: 7\n\na\nb\nc\n"


@pytest.mark.slow
def test_our_program_puts_to_it(lisp: Lisp, http_port: int, tmp_path: Path) -> None:
    size = 3_000_000
    (tmp_path / "file").write_bytes(bytes(range(250)) * (size // 250))
    form = r"""(answer (lambda (s)
        (setf (stream-element-type s) '(unsigned-byte 8))
        (let* ((d (make-array 4000000 :element-type '(unsigned-byte 8)))
               (n (ext:read-byte-sequence d s)))
          (setf (stream-element-type s) 'character)
          (format s "HTTP/1.0 200 OK~2%I have ~D bytes~%" n)
          (list n (and (loop for i below 250 always (= (aref d i) i))
                       (= n (mismatch d d :start1 250 :end1 n)))))))"""
    lisp.begin(form.replace("\n", " "))
    with example("wput", LOOPBACK, "/there", str(tmp_path / "file"), str(http_port)) as running:
        assert running.wait(60) == 0
        assert running.output == f"HTTP/1.0 200 OK\r\n\r\nI have {size} bytes\r\n"
    assert lisp.end() == "nil"
    assert lisp("(values request body)") == (
        f'("PUT /there HTTP/1.0" "Content-length: {size}") ({size} t)'
    )


WGET = r"""
(defun wget-binary (port page)
  (with-open-stream (s (socket:socket-connect port "127.0.0.1" :external-format :dos))
    (format s "GET ~A HTTP/1.0~2%" page)
    (let ((prefix "Content-length: ") (n nil))
      (loop for line = (read-line s nil "")
            until (zerop (length line))
            when (and (> (length line) (length prefix))
                      (string-equal prefix line :end2 (length prefix)))
            do (setq n (parse-integer line :start (length prefix))))
      (let ((d (make-array n :element-type '(unsigned-byte 8))))
        (setf (stream-element-type s) '(unsigned-byte 8))
        (ext:read-byte-sequence d s)
        (coerce d 'list)))))
"""


def test_its_program_gets_from_us(lisp: Lisp, server: PassiveSocket) -> None:
    assert lisp(WGET.replace("\n", " ")) == "wget-binary"
    lisp.begin(f'(wget-binary {socket_server_port(server)} "/file")')
    with socket_accept(server, external_format="dos", timeout=PATIENCE) as stream:
        assert stream.read_line(timeout=PATIENCE) == "GET /file HTTP/1.0"
        assert stream.read_line(timeout=PATIENCE) == ""
        stream.write("HTTP/1.0 200 OK\nContent-length: 4\n\n")
        stream.element_type = "bytes"
        stream.write(b"\r\n\0\xff")
        assert lisp.end() == "(13 10 0 255)"
