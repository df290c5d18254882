/* Many connections that do nothing.
 *
 * Each sends one request and gets it back when it is opened, so that whatever the server makes for
 * a connection (a task, a greenlet, a thread, a buffer) has been made. Then "ready": the harness
 * reads the server's memory. After "go" each sends a second request, which proves that the server
 * was still holding all of them.
 */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static void ask_once(const struct pattern *pattern, int fd, int number, uint64_t position,
                     double patience)
{
    static unsigned char buffer[RECEIVE_BYTES];
    size_t request = pattern->request, received = 0;
    const unsigned char *data = pattern_at(pattern, pattern_start(pattern, number), position);

    if (send_bytes(fd, data, request) != (ssize_t)request)
        fail("connection %d: send: %s", number, strerror(errno));
    while (received < request) {
        ssize_t count = receive_bytes(fd, buffer, sizeof buffer);
        if (count < 0 && errno == EAGAIN)
            fail("connection %d: no answer for %g s", number, patience);
        if (count < 0)
            fail("connection %d: recv: %s", number, strerror(errno));
        if (count == 0)
            fail("connection %d: closed by the server", number);
        if (received + (size_t)count > request)
            fail("connection %d: more came back than was sent", number);
        pattern_check(pattern, number, position + received, buffer, (size_t)count);
        received += (size_t)count;
    }
}

static void allow_all_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

void run_idle(const struct options *options, const struct pattern *pattern,
              struct result *result)
{
    int *fds = calloc((size_t)options->connections, sizeof *fds);
    if (fds == NULL)
        fail("out of memory");
    allow_all_descriptors();
    for (int number = 0; number < options->connections; number++) {
        fds[number] = connect_to_server(options);
        ask_once(pattern, fds[number], number, 0, options->patience);
    }
    wait_for_go();
    uint64_t start = now_ns();
    for (int number = 0; number < options->connections; number++) {
        uint64_t began = now_ns();
        ask_once(pattern, fds[number], number, pattern->request, options->patience);
        histogram_record(&result->latency, now_ns() - began);
        result->messages++;
        result->bytes += pattern->request;
    }
    result->seconds = (double)(now_ns() - start) / 1e9;
}
