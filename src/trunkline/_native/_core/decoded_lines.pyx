"""UTF-8 is decoded line by line, so that nothing is copied twice; see `_core/decoded_lines.py`."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memchr

from trunkline._core.newlines import NEWLINES

__all__ = ("decoded_lines",)


cpdef list decoded_lines(
    data, Py_ssize_t start, Py_ssize_t end, str encoding, str errors, str eol
):
    """See `_core/decoded_lines.py`."""
    cdef str text
    cdef list lines
    if encoding == "utf-8" and errors == "strict" and (eol == "lf" or eol == "crlf"):
        return utf8_lines(data, start, end, eol == "crlf")
    text = data[start:end].decode(encoding, errors)
    if eol != "lf":
        text = text.replace(NEWLINES[eol], "\n")
    lines = text.split("\n")
    lines.pop()
    return lines


cdef list utf8_lines(data, Py_ssize_t start, Py_ssize_t end, bint cr_is_part_of_newline):
    cdef Py_buffer view
    cdef list lines = []
    cdef const char *line
    cdef const char *content_end
    cdef const char *newline
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        if not 0 <= start <= end <= view.len:
            raise IndexError("there are not so many bytes")
        line = <const char *>view.buf + start
        while True:
            newline = <const char *>memchr(line, 10, <const char *>view.buf + end - line)
            if newline is NULL:
                return lines
            content_end = newline
            if cr_is_part_of_newline and newline > line and newline[-1] == 13:
                content_end -= 1
            lines.append(PyUnicode_DecodeUTF8(line, content_end - line, NULL))
            line = newline + 1
    finally:
        PyBuffer_Release(&view)
