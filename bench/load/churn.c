/* Connections that are opened, served once and closed.
 *
 * --connections of them are under way at once. Each connects, sends one request, gets it back,
 * shuts down its writing half, and is done when the server has closed its half too. So a server is
 * only credited with a connection that it has accepted, served and closed, and what it sees at the
 * end is an ordinary end of file, not a reset. The client has closed first, so the minute in
 * TIME_WAIT is the client's to bear; see connect.c for where it takes the ports from.
 */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { EVENTS_AT_ONCE = 256 };

struct slot {
    int fd;
    int number;
    bool has_sent;
    size_t received;
    uint64_t began; /* just before connect() */
};

struct churn {
    const struct options *options;
    const struct pattern *pattern;
    struct slot *slots;
    int epoll;
    int busy; /* slots with a connection under way */
    uint64_t deadline;
    struct result *result;
};

/* Send the request: a fresh connection takes a small one whole, at once, if there is no TLS. */
static void send_request(struct churn *churn, struct slot *slot)
{
    size_t request = churn->pattern->request;
    const unsigned char *data =
        pattern_at(churn->pattern, pattern_start(churn->pattern, slot->number), 0);
    ssize_t count = send_bytes(slot->fd, data, request);
    if (count < 0 && errno == EAGAIN && churn->options->tls)
        return; /* the handshake is not over: its next message will come */
    if (count != (ssize_t)request)
        fail("connection %d: send: %s", slot->number, strerror(errno));
    slot->has_sent = true;
}

/* Open a connection in a slot and send its request. */
static void begin(struct churn *churn, struct slot *slot)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = slot};

    slot->began = now_ns();
    slot->received = 0;
    slot->has_sent = false;
    slot->fd = connect_to_server(churn->options);
    make_non_blocking(slot->fd);
    send_request(churn, slot);
    if (epoll_ctl(churn->epoll, EPOLL_CTL_ADD, slot->fd, &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
    churn->busy++;
}

/* The server has closed: count the connection, and begin the next one if there is time. */
static void finish(struct churn *churn, struct slot *slot)
{
    uint64_t now = now_ns();
    if (slot->received != churn->pattern->request)
        fail("connection %d: closed by the server", slot->number);
    close_connection(slot->fd);
    churn->busy--;
    histogram_record(&churn->result->latency, now - slot->began);
    churn->result->messages++;
    churn->result->bytes += slot->received;
    if (now < churn->deadline)
        begin(churn, slot);
}

static void receive(struct churn *churn, struct slot *slot)
{
    static unsigned char buffer[RECEIVE_BYTES];
    if (!slot->has_sent) {
        send_request(churn, slot);
        return;
    }
    ssize_t count = receive_bytes(slot->fd, buffer, sizeof buffer);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count < 0)
        fail("connection %d: recv: %s", slot->number, strerror(errno));
    if (count == 0) {
        finish(churn, slot);
        return;
    }
    if (slot->received + (size_t)count > churn->pattern->request)
        fail("connection %d: more came back than was sent", slot->number);
    pattern_check(churn->pattern, slot->number, slot->received, buffer, (size_t)count);
    slot->received += (size_t)count;
    if (slot->received == churn->pattern->request && end_output(slot->fd) < 0)
        fail("connection %d: shutdown: %s", slot->number, strerror(errno));
}

/* Nothing has happened for too long: say which half of its work the server has left undone. */
_Noreturn static void fail_stuck(const struct churn *churn)
{
    int answered = 0;
    for (int number = 0; number < churn->options->connections; number++)
        answered += churn->slots[number].received == churn->pattern->request;
    if (answered == churn->busy)
        fail("all %d connections were answered, but for %g s the server has closed none of them",
             answered, churn->options->patience);
    fail("no answer for %g s", churn->options->patience);
}

/* Churn for `seconds`, then wait until every connection under way is done. */
static void churn_for(struct churn *churn, double seconds)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    uint64_t start = now_ns();

    memset(churn->result, 0, sizeof *churn->result);
    churn->deadline = start + (uint64_t)(seconds * 1e9);
    for (int number = 0; number < churn->options->connections; number++)
        begin(churn, &churn->slots[number]);
    while (churn->busy > 0) {
        int count = next_events(churn->epoll, events, EVENTS_AT_ONCE, churn->options->patience);
        if (count == 0)
            fail_stuck(churn);
        for (int index = 0; index < count; index++)
            receive(churn, events[index].data.ptr);
    }
    churn->result->seconds = (double)(now_ns() - start) / 1e9;
}

void run_churn(const struct options *options, const struct pattern *pattern,
               struct result *result)
{
    struct churn churn = {.options = options, .pattern = pattern, .result = result};
    churn.epoll = epoll_create1(EPOLL_CLOEXEC);
    churn.slots = calloc((size_t)options->connections, sizeof *churn.slots);
    if (churn.epoll < 0 || churn.slots == NULL)
        fail("cannot begin: %s", strerror(errno));
    for (int number = 0; number < options->connections; number++)
        churn.slots[number].number = number;
    churn_for(&churn, options->warmup);
    wait_for_go();
    churn_for(&churn, options->duration);
}
