/* Much in one direction, little in the other: --size bytes are sent, --answer bytes come back, and
 * then the next --size bytes are sent. The server knows the text: what it is sent it counts, and
 * what it sends itself is compared.
 */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { EVENTS_AT_ONCE = 256 };

struct flow {
    int fd;
    bool watches_output;
    uint64_t turns; /* begun */
    uint64_t sent;
    uint64_t received;
    uint64_t began; /* when the turn under way did */
};

struct bulk {
    const struct options *options;
    struct flow *flows;
    int epoll;
    int waiting;       /* flows with a turn under way */
    uint64_t deadline; /* from then on no turn begins */
    struct result *result;
};

static void watch(struct bulk *bulk, struct flow *flow, bool output, int operation)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = flow};
    if (output)
        event.events |= EPOLLOUT;
    if (epoll_ctl(bulk->epoll, operation, flow->fd, &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
    flow->watches_output = output;
}

static void send_allowed(struct bulk *bulk, struct flow *flow)
{
    uint64_t allowed = flow->turns * bulk->options->size;
    while (flow->sent < allowed) {
        size_t count = send_text(flow->fd, flow->sent, allowed - flow->sent);
        if (count == 0)
            break;
        flow->sent += count;
    }
    bool blocked = flow->sent < allowed;
    if (blocked != flow->watches_output)
        watch(bulk, flow, blocked, EPOLL_CTL_MOD);
}

static void begin_turn(struct bulk *bulk, struct flow *flow)
{
    flow->turns++;
    flow->began = now_ns();
    send_allowed(bulk, flow);
}

static void receive(struct bulk *bulk, struct flow *flow)
{
    const struct options *options = bulk->options;
    ssize_t count = receive_text(flow->fd, flow->received);
    if (count < 0)
        fail("closed by the server");
    flow->received += (uint64_t)count;
    if (flow->received > flow->sent / options->size * options->answer)
        fail("an answer came before everything was sent");
    if (count == 0 || flow->received < flow->turns * options->answer)
        return;
    uint64_t now = now_ns();
    histogram_record(&bulk->result->latency, now - flow->began);
    bulk->result->messages++;
    if (now < bulk->deadline)
        begin_turn(bulk, flow);
    else
        bulk->waiting--;
}

static void exchange(struct bulk *bulk, double seconds)
{
    const struct options *options = bulk->options;
    struct epoll_event events[EVENTS_AT_ONCE];
    uint64_t begin = now_ns();

    memset(bulk->result, 0, sizeof *bulk->result);
    bulk->deadline = begin + (uint64_t)(seconds * 1e9);
    bulk->waiting = options->connections;
    for (int number = 0; number < options->connections; number++)
        begin_turn(bulk, &bulk->flows[number]);
    while (bulk->waiting > 0) {
        int count = next_events(bulk->epoll, events, EVENTS_AT_ONCE, options->patience);
        if (count == 0)
            fail("no answer for %g s", options->patience);
        for (int index = 0; index < count; index++) {
            struct flow *flow = events[index].data.ptr;
            if (events[index].events & ~(uint32_t)EPOLLOUT)
                receive(bulk, flow);
            if (events[index].events & EPOLLOUT)
                send_allowed(bulk, flow);
        }
    }
    bulk->result->bytes = bulk->result->messages * (options->size + options->answer);
    bulk->result->seconds = (double)(now_ns() - begin) / 1e9;
}

void run_bulk(const struct options *options, struct result *result)
{
    struct bulk bulk = {.options = options, .result = result};
    if (options->answer == 0)
        fail("--answer is missing");
    bulk.epoll = epoll_create1(EPOLL_CLOEXEC);
    bulk.flows = calloc((size_t)options->connections, sizeof *bulk.flows);
    if (bulk.epoll < 0 || bulk.flows == NULL)
        fail("bulk: %s", strerror(errno));
    numbered_text();
    for (int number = 0; number < options->connections; number++) {
        struct flow *flow = &bulk.flows[number];
        flow->fd = connect_to_server(options);
        make_non_blocking(flow->fd);
        watch(&bulk, flow, false, EPOLL_CTL_ADD);
    }
    exchange(&bulk, options->warmup);
    wait_for_go();
    exchange(&bulk, options->duration);
}
