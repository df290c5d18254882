/* A name server that never sleeps: each host of the zone has the addresses that its number says.
 *
 * host-258.test has 10.0.1.2 and 2001:db8::1.2, in hexadecimal 2001:db8::102. It answers whatever
 * comes, on one socket, until the harness is gone. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

enum { HEADER = 12, MESSAGE_BYTES = 512, TYPE_A = 1, TYPE_AAAA = 28, TTL = 60 };

static int open_socket(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        fail("bind: %s", strerror(errno));
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

/* Turn a question into its answer, and return how long that is, or 0 if it is none of ours. */
static size_t answer(unsigned char *message, size_t length)
{
    static const unsigned char head[] = {0xC0, HEADER, 0, 0, 0, 1, 0, 0, 0, TTL, 0, 0};
    size_t end = HEADER;

    while (end < length && message[end] != 0)
        end += message[end] + 1U;
    end += 5; /* the root, the type and the class */
    if (end > length || end + sizeof head + 16 > MESSAGE_BYTES ||
        memcmp(message + HEADER + 1, "host-", 5) != 0)
        return 0;
    uint32_t number = htonl((uint32_t)atoi((char *)message + HEADER + 6));
    unsigned type = message[end - 3];
    message[2] = 0x81; /* an answer, to a question that wanted recursion */
    message[3] = 0x80; /* which is there */
    memset(message + 6, 0, 6);
    if (type == TYPE_A || type == TYPE_AAAA) {
        size_t size = type == TYPE_A ? 4 : 16;
        unsigned char *record = message + end;
        message[7] = 1;
        memcpy(record, head, sizeof head);
        record[3] = (unsigned char)type;
        record[11] = (unsigned char)size;
        memset(record + sizeof head, 0, size);
        memcpy(record + sizeof head, type == TYPE_A ? "\12" : "\x20\1\15\xb8", size / 4);
        memcpy(record + sizeof head + size - 3, (char *)&number + 1, 3);
        end += sizeof head + size;
    }
    return end;
}

void run_names(void)
{
    unsigned char message[MESSAGE_BYTES];
    struct sockaddr_storage from;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = open_socket();
    for (;;) {
        socklen_t size = sizeof from;
        ssize_t length =
            recvfrom(fd, message, sizeof message, 0, (struct sockaddr *)&from, &size);
        if (length < HEADER)
            continue;
        size_t count = answer(message, (size_t)length);
        if (count > 0)
            sendto(fd, message, count, 0, (struct sockaddr *)&from, size);
    }
}
