/* The limit of the bulk that comes in: received, counted, and a line answers each MiB. */
#include "epoll_server.h"

enum { MIB = 1024 * 1024, LINE = 64, LINES = MIB / LINE };

static void on_bytes(struct connection *connection, const char *data, size_t length)
{
    char line[LINE + 1];
    (void)data;
    for (connection->counted += length; connection->counted >= MIB; connection->counted -= MIB) {
        snprintf(line, sizeof line, "%063u\n", connection->answered++ % LINES);
        reply(connection, line, LINE);
    }
}
