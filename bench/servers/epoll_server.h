/* What the C servers share: a level-triggered epoll loop with nothing in it to spare.
 *
 * These servers are the limit that the others are measured against, so the usual path is as short
 * as the system allows: one epoll_wait() for all connections that are ready, and for each of them
 * one recv() into a static buffer (and another if that was full) and one send(). The rest is what
 * makes a server correct: what the kernel does not take is kept until it does, and meanwhile
 * nothing more is read from that connection; end of file and errors close it.
 *
 * A server defines
 *     static void on_bytes(struct connection *connection, const char *data, size_t length);
 * and calls reply() from it. BACKLOG, RECEIVE_LIMIT and PIECE come from the compiler's command
 * line; they are the same numbers that the Python servers use.
 */
#ifndef BENCH_EPOLL_SERVER_H
#define BENCH_EPOLL_SERVER_H

#define _GNU_SOURCE /* accept4 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef SECURED
#include "tls_connection.h"
#endif

enum { EVENTS_AT_ONCE = 256 };

/* The most bytes of a send(). Answers are given as they are; a server that sends in bulk says more
 * about it. */
#ifndef SENT_AT_ONCE
#define SENT_AT_ONCE SIZE_MAX
#endif

struct bytes {
    char *data;
    size_t length;
};

/* What send() did not take. */
struct output {
    const char *data;
    size_t length;
    char *copy; /* to be freed, if the data is not kept by somebody else */
};

/* How often a connection is received from before the others have their turn. */
enum { RECEIVES_AT_ONCE = 16 };

struct connection {
    int fd;
    bool broken;           /* a send has failed: close it */
    struct output unsent;
    struct bytes unparsed; /* for a server that waits for more: the beginning of a line */
    size_t counted;        /* for one that counts bytes */
    unsigned answered;
#ifdef SECURED
    SSL *tls;
#endif
};

static int epoll_fd;
static char receive_buffer[RECEIVE_LIMIT];

static void on_bytes(struct connection *connection, const char *data, size_t length);

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void append(struct bytes *bytes, const char *data, size_t length)
{
    char *grown = realloc(bytes->data, bytes->length + length);
    if (grown == NULL)
        die("realloc");
    memcpy(grown + bytes->length, data, length);
    bytes->data = grown;
    bytes->length += length;
}

static void clear(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}

static void watch(struct connection *connection, uint32_t events, int operation)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(epoll_fd, operation, connection->fd, &event) < 0)
        die("epoll_ctl");
}

/* What recv(), send() and close() are; with TLS, its own. */
static inline ssize_t receive_bytes(struct connection *connection)
{
#ifdef SECURED
    return receive_by_tls(connection->tls, receive_buffer, sizeof receive_buffer);
#else
    return recv(connection->fd, receive_buffer, sizeof receive_buffer, 0);
#endif
}

static inline ssize_t send_bytes(struct connection *connection, const char *data, size_t length)
{
#ifdef SECURED
    return send_by_tls(connection->tls, data, length);
#else
    return send(connection->fd, data, length, MSG_NOSIGNAL);
#endif
}

/* Send, as far as the kernel takes it; returns how much that was. */
static size_t send_some(struct connection *connection, const char *data, size_t length)
{
    size_t sent = 0;
    while (sent < length) {
        size_t piece = length - sent < SENT_AT_ONCE ? length - sent : SENT_AT_ONCE;
        ssize_t count = send_bytes(connection, data + sent, piece);
        if (count < 0 && errno != EAGAIN && errno != EINTR)
            connection->broken = true;
        if (count > 0)
            sent += (size_t)count;
        if (count != (ssize_t)piece)
            break;
    }
    return sent;
}

/* Answer with data that stays where it is. What the kernel does not take at once is sent before
 * anything more is read. */
static void reply_kept(struct connection *connection, const char *data, size_t length)
{
    size_t sent = send_some(connection, data, length);
    if (sent == length || connection->broken)
        return;
    connection->unsent = (struct output){.data = data + sent, .length = length - sent};
    watch(connection, EPOLLOUT, EPOLL_CTL_MOD);
}

/* Answer with data that will be overwritten. */
static inline void reply(struct connection *connection, const char *data, size_t length)
{
    struct output *unsent = &connection->unsent;
    reply_kept(connection, data, length);
    if (unsent->length > 0) {
        unsent->copy = malloc(unsent->length);
        if (unsent->copy == NULL)
            die("malloc");
        unsent->data = memcpy(unsent->copy, unsent->data, unsent->length);
    }
}

static void send_unsent(struct connection *connection)
{
    struct output *unsent = &connection->unsent;
    size_t sent = send_some(connection, unsent->data, unsent->length);
    unsent->data += sent;
    unsent->length -= sent;
    if (unsent->length == 0) {
        free(unsent->copy);
        unsent->copy = NULL;
        watch(connection, EPOLLIN, EPOLL_CTL_MOD);
    }
}

/* Receive, and again while there was as much as the buffer holds. */
static void receive(struct connection *connection)
{
    ssize_t count = RECEIVE_LIMIT;
    for (int times = 0; times < RECEIVES_AT_ONCE && count == RECEIVE_LIMIT; times++) {
        count = receive_bytes(connection);
        if (count > 0)
            on_bytes(connection, receive_buffer, (size_t)count);
        else if (count == 0 || (errno != EAGAIN && errno != EINTR))
            connection->broken = true;
        if (connection->unsent.length > 0 || connection->broken)
            return;
    }
}

static void close_connection(struct connection *connection)
{
#ifdef SECURED
    end_tls(connection->tls);
#endif
    close(connection->fd);
    free(connection->unsent.copy);
    clear(&connection->unparsed);
    free(connection);
}

static void on_ready(struct connection *connection)
{
    if (connection->unsent.length > 0)
        send_unsent(connection);
    else
        receive(connection);
#ifdef SECURED
    /* What OpenSSL has received already, the kernel does not tell of. */
    if (!connection->broken && connection->unsent.length == 0 && SSL_has_pending(connection->tls))
        receive(connection);
#endif
    if (connection->broken)
        close_connection(connection);
}

static void accept_all(int listener)
{
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = calloc(1, sizeof *connection);
        if (connection == NULL)
            die("calloc");
        connection->fd = fd;
#ifdef SECURED
        connection->tls = begin_tls(fd);
#endif
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(connection, EPOLLIN, EPOLL_CTL_ADD);
    }
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
        die("accept4");
}

/* Listen on a free port of 127.0.0.1 and print its number. */
static int listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, BACKLOG) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        die("listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS_AT_ONCE];
#ifdef SECURED
    if (argc != 2)
        die("no certificate is named");
    prepare_tls(argv[1]);
#else
    (void)argc, (void)argv;
#endif
    int listener = listen_somewhere();
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}; /* NULL is the listener */

    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) < 0)
        die("epoll");
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS_AT_ONCE, -1);
        if (count < 0 && errno != EINTR)
            die("epoll_wait");
        for (int index = 0; index < count; index++) {
            if (events[index].data.ptr == NULL)
                accept_all(listener);
            else
                on_ready(events[index].data.ptr);
        }
    }
}

#endif
