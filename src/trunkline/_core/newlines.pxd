cpdef Py_ssize_t find_newline(buffer, str eol, Py_ssize_t start=*) except -2
cpdef Py_ssize_t content_end(buffer, str eol, Py_ssize_t newline) except -2
cpdef Py_ssize_t find_last_newline(buffer, str eol, Py_ssize_t start, Py_ssize_t stop) except -2
cpdef Py_ssize_t skip_lines(buffer, str eol, Py_ssize_t start, Py_ssize_t count) except -2
