/* The other side of a client: a server that never sleeps, for the same reason as the load. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int accept_client(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        fail("listen: %s", strerror(errno));
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);

    int client = accept(listener, NULL, NULL);
    if (client < 0 || setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        fail("accept: %s", strerror(errno));
    make_non_blocking(client);
    return client;
}

void run_partner(const struct options *options)
{
    uint64_t received = 0, sent = 0, owed = 0;

    numbered_text();
    int client = accept_client();
    for (;;) {
        ssize_t count = receive_text(client, received);
        if (count < 0)
            return;
        received += (uint64_t)count;
        owed = received / options->size * options->answer;
        if (sent < owed)
            sent += send_text(client, sent, owed - sent);
    }
}
