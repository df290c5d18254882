"""Get a file by HTTP, byte by byte as it is; nothing is written unless all of it has come."""

from http10 import http_connect, read_body, read_header, run_transfer


# [program]
def wget_binary(host: str, page: str, file: str, port: int) -> None:
    """Get a file, and put it into a file."""
    with http_connect(host, port, "GET", page) as socket:
        header = read_header(socket)
        header.check()
        socket.element_type = "bytes"
        data = b"".join(read_body(socket, header))
    with open(file, "wb") as out:
        out.write(data)


# [/program]


if __name__ == "__main__":
    run_transfer(wget_binary, "where to put it")
