/* The limit of the bulk that goes out: a MiB of text for each line, sent from where it lies.
 *
 * It goes in pieces, each of which fits into one segment, because that was measured to cost less
 * than one send of everything, and much less than larger pieces do: see PIECE in __init__.py.
 */
#define SENT_AT_ONCE PIECE
#include "epoll_server.h"

enum { MIB = 1024 * 1024, LINE = 64, LINES = MIB / LINE };

static char text[MIB + 1];

static void on_bytes(struct connection *connection, const char *data, size_t length)
{
    (void)data;
    if (text[0] == '\0')
        for (int number = 0; number < LINES; number++)
            snprintf(text + number * LINE, LINE + 1, "%063d\n", number);
    connection->counted += length;
    if (connection->counted < LINE)
        return;
    connection->counted -= LINE;
    if (connection->counted > 0)
        connection->broken = true; /* the load asks for one at a time */
    reply_kept(connection, text, MIB);
}
