/* The load generator's parts and what they share; load.c tells how the whole is used. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "histogram.h"

enum { RECEIVE_BYTES = 256 * 1024, TEXT_BYTES = 1024 * 1024 };

struct options {
    const char *mode;
    int port;
    int connections;  /* open at the same time */
    size_t size;      /* bytes in a message; in a line, its newline included */
    size_t answer;    /* bytes of the answer to a message, where that is not an echo */
    int lines;        /* lines in a request, or 0: a request is one message of arbitrary bytes */
    int window;       /* requests under way on each connection at the same time */
    double warmup;    /* seconds */
    double duration;  /* seconds */
    double patience;  /* seconds without an answer before the server counts as stuck */
    int sources;      /* addresses to connect from, 127.0.0.1 upwards */
    bool tls;         /* whether TLS is spoken */
};

/* What was done and measured between the harness's "go" and the result. */
struct result {
    uint64_t messages;
    uint64_t bytes;   /* sent, and received back */
    double seconds;
    struct histogram latency; /* nanoseconds, one value for each request */
};

/* load.c */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void wait_for_go(void);
uint64_t now_ns(void);
struct epoll_event; /* from <sys/epoll.h> */
int next_events(int epoll, struct epoll_event *events, int most, double patience);

/* connect.c */
int connect_to_server(const struct options *options);
void make_non_blocking(int fd);

/* tls.c: the calls of a connection, whether it speaks TLS or not. They return what those of the
 * system would, and -1 with EAGAIN as long as a handshake is not over. */
void begin_tls(int fd);
ssize_t send_bytes(int fd, const void *data, size_t length);
ssize_t receive_bytes(int fd, void *buffer, size_t size);
int end_output(int fd);
void close_connection(int fd);

/* pattern.c: the bytes that are sent. Each connection sends the same long text over and over,
 * but each begins elsewhere in it, and no two messages in it are alike: an answer that is lost,
 * doubled, out of order or another connection's does not match. */
struct pattern {
    unsigned char *bytes;
    size_t length;  /* a whole number of requests, so that no request is cut by the end */
    size_t request; /* bytes in a request */
};
void pattern_make(struct pattern *pattern, const struct options *options);
size_t pattern_start(const struct pattern *pattern, int connection);
const unsigned char *pattern_at(const struct pattern *pattern, size_t start, uint64_t position);
void pattern_check(const struct pattern *pattern, int connection, uint64_t position,
                   const unsigned char *data, size_t length);

/* text.c */
const char *numbered_text(void);
size_t send_text(int fd, uint64_t position, uint64_t allowed);
ssize_t receive_text(int fd, uint64_t position);

/* partner.c: the mode that does not connect, but is connected to. It ends with its client. */
void run_partner(const struct options *options);

/* names.c: the same for whoever looks names up. */
void run_names(void);

/* The other modes. Each prepares, calls wait_for_go(), does its work and fills in the result. */
void run_traffic(const struct options *options, const struct pattern *pattern,
                 struct result *result);
void run_churn(const struct options *options, const struct pattern *pattern,
               struct result *result);
void run_idle(const struct options *options, const struct pattern *pattern,
              struct result *result);
void run_bulk(const struct options *options, struct result *result);
void run_datagrams(const struct options *options, const struct pattern *pattern,
                   struct result *result);

#endif
