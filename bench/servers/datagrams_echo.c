/* The limit of the datagram contests: many are received in one call, and sent back in one. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { AT_ONCE = 64, LARGEST = 65536 };

static char buffers[AT_ONCE][LARGEST];
static struct sockaddr_in names[AT_ONCE];
static struct iovec pieces[AT_ONCE];
static struct mmsghdr messages[AT_ONCE];

static void check(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
}

static int open_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    check(fd, "socket");
    check(bind(fd, (struct sockaddr *)&address, length), "bind");
    check(getsockname(fd, (struct sockaddr *)&address, &length), "getsockname");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(void)
{
    int fd = open_server();
    for (;;) {
        for (int index = 0; index < AT_ONCE; index++) {
            pieces[index] = (struct iovec){buffers[index], LARGEST};
            messages[index].msg_hdr = (struct msghdr){
                .msg_name = &names[index], .msg_namelen = sizeof names[index],
                .msg_iov = &pieces[index], .msg_iovlen = 1,
            };
        }
        int count = recvmmsg(fd, messages, AT_ONCE, MSG_WAITFORONE, NULL);
        check(count, "recvmmsg");
        for (int index = 0; index < count; index++)
            pieces[index].iov_len = messages[index].msg_len;
        for (int sent = 0; sent < count;) {
            int done = sendmmsg(fd, messages + sent, (unsigned)(count - sent), 0);
            check(done, "sendmmsg");
            sent += done;
        }
    }
}
