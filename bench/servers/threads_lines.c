/* The limit of the threaded contests: a thread for each connection, which blocks in recv().
 *
 * A function is called through a pointer for each line and answers it, and the answers to what one
 * receive has brought leave with one send().
 */
#define _GNU_SOURCE /* accept4 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
    int fd;
    size_t length;    /* of the input */
    size_t answering; /* of the answers */
    char input[RECEIVE_LIMIT];
    char answers[RECEIVE_LIMIT];
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void echo_line(struct connection *connection, const char *line, size_t length)
{
    memcpy(connection->answers + connection->answering, line, length);
    connection->answering += length;
}

static void (*volatile on_line)(struct connection *, const char *, size_t) = echo_line;

static int send_answers(struct connection *connection)
{
    const char *data = connection->answers;
    while (connection->answering > 0) {
        ssize_t count = send(connection->fd, data, connection->answering, MSG_NOSIGNAL);
        if (count < 0 && errno != EINTR)
            return 0;
        if (count > 0) {
            data += count;
            connection->answering -= (size_t)count;
        }
    }
    return 1;
}

/* Return whether the connection goes on. A line that fills the buffer ends it. */
static int serve_once(struct connection *connection)
{
    char *end = connection->input + connection->length, *line = connection->input, *newline;
    ssize_t count = recv(connection->fd, end, RECEIVE_LIMIT - connection->length, 0);
    if (count <= 0)
        return count < 0 && errno == EINTR;
    for (end += count; (newline = memchr(line, '\n', (size_t)(end - line))) != NULL;
         line = newline + 1)
        on_line(connection, line, (size_t)(newline + 1 - line));
    connection->length = (size_t)(end - line);
    memmove(connection->input, line, connection->length);
    return connection->length < RECEIVE_LIMIT && send_answers(connection);
}

static void *serve(void *argument)
{
    struct connection *connection = argument;
    while (serve_once(connection))
        ;
    close(connection->fd);
    free(connection);
    return NULL;
}

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd, on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, BACKLOG) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        die("listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0 || errno == EINTR ||
           errno == ECONNABORTED) {
        pthread_t thread;
        if (fd < 0)
            continue;
        struct connection *connection = malloc(sizeof *connection);
        if (connection == NULL)
            die("malloc");
        connection->fd = fd;
        connection->length = connection->answering = 0;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (pthread_create(&thread, NULL, serve, connection) != 0)
            die("pthread_create");
        pthread_detach(thread);
    }
    die("accept4");
}
