/* The limit of the line contests: split into lines, call a function for each, answer each.
 *
 * The function is called through a pointer, as a library would call its user, and answers one line
 * at a time. The answers are gathered and leave with one send() for each recv(): the least that
 * "one callback and one reply for each line" can cost.
 */
#include "epoll_server.h"

enum { LINE_LIMIT = 64 * 1024 };

static char answers[RECEIVE_LIMIT + LINE_LIMIT];
static size_t answers_length;

static void write_answer(const char *data, size_t length)
{
    memcpy(answers + answers_length, data, length);
    answers_length += length;
}

static void echo_line(const char *line, size_t length)
{
    write_answer(line, length);
}

static void (*volatile on_line)(const char *line, size_t length) = echo_line;

static void on_bytes(struct connection *connection, const char *data, size_t length)
{
    struct bytes *unparsed = &connection->unparsed;
    const char *end = data + length, *newline;

    answers_length = 0;
    if (unparsed->length > 0 && (newline = memchr(data, '\n', length)) != NULL) {
        append(unparsed, data, (size_t)(newline + 1 - data));
        on_line(unparsed->data, unparsed->length);
        clear(unparsed);
        data = newline + 1;
    }
    while ((newline = memchr(data, '\n', (size_t)(end - data))) != NULL) {
        on_line(data, (size_t)(newline + 1 - data));
        data = newline + 1;
    }
    if (data < end) {
        append(unparsed, data, (size_t)(end - data));
        if (unparsed->length >= LINE_LIMIT)
            connection->broken = true;
    }
    if (answers_length > 0)
        reply(connection, answers, answers_length);
}
