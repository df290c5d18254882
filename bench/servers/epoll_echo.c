/* The limit of the echo contests: one recv(), one send(), nothing between them. */
#include "epoll_server.h"

static void on_bytes(struct connection *connection, const char *data, size_t length)
{
    reply(connection, data, length);
}
