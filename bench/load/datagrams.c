/* Datagrams to and fro: each peer sends one, and the next one when the same has come back.
 *
 * A peer is a socket that is connected to the server, so that nobody else's answers come to it. Few
 * enough are under way for none to get lost on loopback: a lost one is a server that is stuck.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { EVENTS_AT_ONCE = 256 };

struct peer {
    int fd;
    int number;
    size_t start;      /* where in the pattern it begins */
    uint64_t sent;     /* bytes */
    uint64_t received; /* the same, but while a datagram is under way */
    uint64_t sent_at;
};

struct datagrams {
    const struct options *options;
    const struct pattern *pattern;
    struct peer *peers;
    int epoll;
    int waiting;       /* peers with a datagram under way */
    uint64_t deadline; /* from then on nothing is sent, only answers are awaited */
    struct result *result;
};

static int open_socket(const struct options *options)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("a datagram socket: %s", strerror(errno));
    return fd;
}

static void open_peers(struct datagrams *datagrams)
{
    const struct options *options = datagrams->options;
    datagrams->peers = calloc((size_t)options->connections, sizeof *datagrams->peers);
    if (datagrams->peers == NULL)
        fail("out of memory");
    for (int number = 0; number < options->connections; number++) {
        struct peer *peer = &datagrams->peers[number];
        peer->fd = open_socket(options);
        peer->number = number;
        peer->start = pattern_start(datagrams->pattern, number);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
        if (epoll_ctl(datagrams->epoll, EPOLL_CTL_ADD, peer->fd, &event) < 0)
            fail("epoll_ctl: %s", strerror(errno));
    }
}

static void send_next(struct datagrams *datagrams, struct peer *peer)
{
    size_t size = datagrams->options->size;
    peer->sent_at = now_ns();
    const unsigned char *data = pattern_at(datagrams->pattern, peer->start, peer->sent);
    if (send(peer->fd, data, size, MSG_NOSIGNAL) != (ssize_t)size)
        fail("peer %d: send: %s", peer->number, strerror(errno));
    peer->sent += size;
}

static void receive(struct datagrams *datagrams, struct peer *peer)
{
    static unsigned char buffer[RECEIVE_BYTES];
    size_t size = datagrams->options->size;
    ssize_t count = recv(peer->fd, buffer, sizeof buffer, 0);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count < 0)
        fail("peer %d: recv: %s", peer->number, strerror(errno));
    if (peer->received == peer->sent)
        fail("peer %d: more came back than was sent", peer->number);
    if ((size_t)count != size)
        fail("peer %d: %zd bytes came back, sent were %zu", peer->number, count, size);

    pattern_check(datagrams->pattern, peer->number, peer->received, buffer, size);
    peer->received += size;
    uint64_t now = now_ns();
    histogram_record(&datagrams->result->latency, now - peer->sent_at);
    datagrams->result->messages++;
    if (now < datagrams->deadline)
        send_next(datagrams, peer);
    else
        datagrams->waiting--;
}

/* Exchange datagrams for `seconds`, then wait until every answer is in. */
static void exchange(struct datagrams *datagrams, double seconds)
{
    const struct options *options = datagrams->options;
    struct epoll_event events[EVENTS_AT_ONCE];
    uint64_t begin = now_ns();

    memset(datagrams->result, 0, sizeof *datagrams->result);
    datagrams->deadline = begin + (uint64_t)(seconds * 1e9);
    datagrams->waiting = options->connections;
    for (int number = 0; number < options->connections; number++)
        send_next(datagrams, &datagrams->peers[number]);
    while (datagrams->waiting > 0) {
        int count = next_events(datagrams->epoll, events, EVENTS_AT_ONCE, options->patience);
        if (count == 0)
            fail("no answer for %g s", options->patience);
        for (int index = 0; index < count; index++)
            receive(datagrams, events[index].data.ptr);
    }
    datagrams->result->bytes = datagrams->result->messages * options->size;
    datagrams->result->seconds = (double)(now_ns() - begin) / 1e9;
}

void run_datagrams(const struct options *options, const struct pattern *pattern,
                   struct result *result)
{
    struct datagrams datagrams = {.options = options, .pattern = pattern, .result = result};
    datagrams.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (datagrams.epoll < 0)
        fail("epoll_create1: %s", strerror(errno));
    open_peers(&datagrams);
    exchange(&datagrams, options->warmup);
    wait_for_go();
    exchange(&datagrams, options->duration);
}
