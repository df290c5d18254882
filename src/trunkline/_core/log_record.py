"""What the records of our logs carry besides their text, for programs that look at them."""

__all__ = ("about",)


def about(
    *,
    server: str | None = None,
    peer: object = None,
    local: object = None,
    worker: int | None = None,
    pid: int | None = None,
    error: BaseException | None = None,
) -> dict[str, object]:
    """Return the `extra` of a record: all attributes, with None for what it is not about.

    So a format may have any of them, whatever the record is. All of them can be pickled, for
    handlers that send records to another process, as far as the error can.

    Args:
        server: The name of the server.
        peer: The name of the other end of the connection.
        local: The name that a socket listens at.
        worker: The place of a worker process.
        pid: The worker's process id.
        error: What has gone wrong; its `operation` becomes an attribute of its own.
    """
    return {
        "server": server,
        "peer": peer,
        "local": local,
        "worker": worker,
        "pid": pid,
        "error": error,
        "operation": getattr(error, "operation", None),
    }
