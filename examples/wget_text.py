"""Get a page of text by HTTP, and put what the server says into a file: the header and the text.

The lines of the file end with a line feed, whatever they end with on the way.
"""

from http10 import http_connect, read_header, run_transfer

PIECE = 65_536  # characters


# [program]
def wget_text(host: str, page: str, file: str, port: int) -> None:
    """Get a page, and put the header and the text into a file."""
    with http_connect(host, port, f"GET {page}") as socket:
        header = read_header(socket)
        # Dump the whole thing, even if it is not what was asked for.
        with open(file, "w", encoding="latin-1", newline="\n") as out:
            out.writelines(f"{line}\n" for line in (*header.lines, ""))
            last = "\n"
            while text := socket.read_text(PIECE):
                out.write(text)
                last = text[-1]
            if last != "\n":
                out.write("\n")
    header.check()


# [/program]


if __name__ == "__main__":
    run_transfer(wget_text, "where to put it")
