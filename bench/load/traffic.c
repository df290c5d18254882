/* Messages to and fro on connections that stay open.
 *
 * A connection's progress is three positions in the endless stream of bytes that it exchanges:
 * received <= sent <= allowed. Everything else follows from them.
 */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { EVENTS_AT_ONCE = 256 };

struct connection {
    int fd;
    int number;
    bool watches_output;
    size_t start;      /* where in the pattern it begins */
    uint64_t allowed;  /* up to here it may send: whole requests */
    uint64_t sent;
    uint64_t received;
    uint64_t *sent_at; /* when the requests under way were sent: a ring of window places */
};

struct traffic {
    const struct options *options;
    const struct pattern *pattern;
    struct connection *connections;
    int epoll;
    int waiting;       /* connections with requests under way */
    uint64_t deadline; /* from then on no new request is sent, only answers are awaited */
    struct result *result;
};

static void watch(struct traffic *traffic, struct connection *connection, bool output,
                  int operation)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (output)
        event.events |= EPOLLOUT;
    if (epoll_ctl(traffic->epoll, operation, connection->fd, &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
    connection->watches_output = output;
}

static void open_connections(struct traffic *traffic)
{
    const struct options *options = traffic->options;
    traffic->connections = calloc((size_t)options->connections, sizeof *traffic->connections);
    if (traffic->connections == NULL)
        fail("out of memory");
    for (int number = 0; number < options->connections; number++) {
        struct connection *connection = &traffic->connections[number];
        connection->fd = connect_to_server(options);
        connection->number = number;
        connection->start = pattern_start(traffic->pattern, number);
        connection->sent_at = calloc((size_t)options->window, sizeof *connection->sent_at);
        if (connection->sent_at == NULL)
            fail("out of memory");
        make_non_blocking(connection->fd);
        watch(traffic, connection, false, EPOLL_CTL_ADD);
    }
}

static void send_allowed(struct traffic *traffic, struct connection *connection)
{
    size_t request = traffic->pattern->request;
    while (connection->sent < connection->allowed) {
        size_t done = connection->sent % request; /* of the request that is being sent */
        if (done == 0) {
            uint64_t place = connection->sent / request % (uint64_t)traffic->options->window;
            connection->sent_at[place] = now_ns();
        }
        const unsigned char *data =
            pattern_at(traffic->pattern, connection->start, connection->sent);
        ssize_t count = send_bytes(connection->fd, data, request - done);
        if (count < 0 && errno == EAGAIN)
            break;
        if (count < 0)
            fail("connection %d: send: %s", connection->number, strerror(errno));
        connection->sent += (uint64_t)count;
    }
    bool blocked = connection->sent < connection->allowed;
    if (blocked != connection->watches_output)
        watch(traffic, connection, blocked, EPOLL_CTL_MOD);
}

/* Note the requests that the last receive has completed, and let as many new ones follow. */
static void complete_requests(struct traffic *traffic, struct connection *connection,
                              uint64_t before)
{
    size_t request = traffic->pattern->request;
    uint64_t first = before / request, last = connection->received / request;
    if (first == last)
        return;
    uint64_t now = now_ns(), window = (uint64_t)traffic->options->window;
    for (uint64_t index = first; index < last; index++)
        histogram_record(&traffic->result->latency, now - connection->sent_at[index % window]);
    if (now < traffic->deadline)
        connection->allowed += (last - first) * request;
    if (connection->received == connection->allowed)
        traffic->waiting--;
}

static void receive(struct traffic *traffic, struct connection *connection)
{
    static unsigned char buffer[RECEIVE_BYTES];
    ssize_t count = receive_bytes(connection->fd, buffer, sizeof buffer);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count < 0)
        fail("connection %d: recv: %s", connection->number, strerror(errno));
    if (count == 0)
        fail("connection %d: closed by the server", connection->number);
    if (connection->received + (uint64_t)count > connection->sent)
        fail("connection %d: more came back than was sent", connection->number);

    uint64_t before = connection->received;
    pattern_check(traffic->pattern, connection->number, before, buffer, (size_t)count);
    connection->received += (uint64_t)count;
    complete_requests(traffic, connection, before);
    send_allowed(traffic, connection);
}

/* Exchange requests for `seconds`, then wait until every answer is in. */
static void exchange(struct traffic *traffic, double seconds)
{
    const struct options *options = traffic->options;
    struct epoll_event events[EVENTS_AT_ONCE];
    uint64_t begin = now_ns(), bytes = 0;

    memset(traffic->result, 0, sizeof *traffic->result);
    traffic->deadline = begin + (uint64_t)(seconds * 1e9);
    traffic->waiting = options->connections;
    for (int number = 0; number < options->connections; number++) {
        struct connection *connection = &traffic->connections[number];
        bytes -= connection->received;
        connection->allowed += traffic->pattern->request * (size_t)options->window;
        send_allowed(traffic, connection);
    }
    while (traffic->waiting > 0) {
        int count = next_events(traffic->epoll, events, EVENTS_AT_ONCE, options->patience);
        if (count == 0)
            fail("no answer for %g s", options->patience);
        for (int index = 0; index < count; index++) {
            if (events[index].events & ~(uint32_t)EPOLLOUT)
                receive(traffic, events[index].data.ptr);
            else
                send_allowed(traffic, events[index].data.ptr);
        }
    }
    for (int number = 0; number < options->connections; number++)
        bytes += traffic->connections[number].received;
    traffic->result->bytes = bytes;
    traffic->result->messages = bytes / options->size;
    traffic->result->seconds = (double)(now_ns() - begin) / 1e9;
}

void run_traffic(const struct options *options, const struct pattern *pattern,
                 struct result *result)
{
    struct traffic traffic = {.options = options, .pattern = pattern, .result = result};
    traffic.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (traffic.epoll < 0)
        fail("epoll_create1: %s", strerror(errno));
    open_connections(&traffic);
    exchange(&traffic, options->warmup);
    wait_for_go();
    exchange(&traffic, options->duration);
}
