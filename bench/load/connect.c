/* Connections to the server on 127.0.0.1.
 *
 * A connection that was closed leaves its pair of ports reserved for a minute. With one source
 * address some 28,000 connections would be all there is; the whole of 127.0.0.0/8 is ours, so
 * connections take turns at --sources addresses. The server sees no difference.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

static void set(int fd, int level, int option, const void *value, socklen_t length)
{
    if (setsockopt(fd, level, option, value, length) < 0)
        fail("setsockopt: %s", strerror(errno));
}

static void bind_to_next_source(int fd, int sources)
{
    static int turn;
    struct sockaddr_in address = {.sin_family = AF_INET};
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(turn++ % sources));
    /* The port is chosen by connect(), which may take one that is in use towards other servers. */
    set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("bind: %s", strerror(errno));
}

/* Open a connection, blocking; its receives and sends give up after the patience. */
int connect_to_server(const struct options *options)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct timeval patience = {
        .tv_sec = (time_t)options->patience,
        .tv_usec = (suseconds_t)((options->patience - (double)(time_t)options->patience) * 1e6),
    };
    int on = 1;

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail("socket: %s", strerror(errno));
    if (options->sources > 1)
        bind_to_next_source(fd, options->sources);
    set(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    set(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    set(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)options->port);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("connect: %s", strerror(errno));
    if (options->tls)
        begin_tls(fd);
    return fd;
}

void make_non_blocking(int fd)
{
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        fail("fcntl: %s", strerror(errno));
}
