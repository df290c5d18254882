cpdef list decoded_lines(
    data, Py_ssize_t start, Py_ssize_t end, str encoding, str errors, str eol
)
