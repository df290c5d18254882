/* What it takes to look names up, and nothing more: questions on one socket, answers by number. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { AT_ONCE = 100, MOST = 1 << 24, BYTES = 512, HEADER = 12, TYPE_A = 1, TYPE_AAAA = 28 };

static int server;
static bool both; /* families */
static uint32_t asked;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void ask(uint16_t id, uint32_t number, unsigned char type)
{
    unsigned char message[BYTES] = {id >> 8, id & 0xFF, 1, 0, 0, 1};
    int length = snprintf((char *)message + HEADER + 1, 60, "host-%u", number);
    unsigned char *end = message + HEADER + 1 + length;

    message[HEADER] = (unsigned char)length;
    memcpy(end, "\4test\0\0\0\0\1", 10);
    end[7] = type;
    if (send(server, message, (size_t)(end + 10 - message), 0) < 0)
        die("send");
}

/* Return whether a message is the answer that was wanted. */
static bool is_right(const unsigned char *message, size_t length, uint32_t first)
{
    uint32_t number = (first + (message[0] << 8 | message[1]) % AT_ONCE) % MOST, told;

    memcpy(&told, message + length - 4, 4);
    return length > HEADER && message[2] & 0x80 && message[7] == 1 &&
           (ntohl(told) & 0xFFFFFF) == number;
}

static int turn(void)
{
    uint32_t first = asked;
    int left = both ? 2 * AT_ONCE : AT_ONCE;
    unsigned char message[BYTES];

    for (uint32_t each = 0; each < AT_ONCE; each++) {
        if (both)
            ask((uint16_t)(AT_ONCE + each), (first + each) % MOST, TYPE_AAAA);
        ask((uint16_t)each, (first + each) % MOST, TYPE_A);
    }
    asked = (asked + AT_ONCE) % MOST;
    while (left > 0) {
        struct pollfd waiting = {.fd = server, .events = POLLIN};
        ssize_t length = recv(server, message, sizeof message, MSG_DONTWAIT);
        if (length < 0)
            poll(&waiting, 1, -1);
        else if (is_right(message, (size_t)length, first))
            left--;
        else
            die("a wrong answer");
    }
    return AT_ONCE;
}

static long repeat(double seconds)
{
    double end = now() + seconds;
    long count = turn();
    while (now() < end)
        count += turn();
    return count;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    char line[16];

    if (argc < 5)
        die("usage: resolver SERVICE WARMUP DURATION PORT");
    both = strcmp(argv[argc - 4], "host") == 0;
    address.sin_port = htons((uint16_t)atoi(argv[argc - 1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (server < 0 || connect(server, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    repeat(atof(argv[argc - 3]));
    puts("ready");
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL)
        return 1;
    double began = now();
    long count = repeat(atof(argv[argc - 2]));
    printf("{\"messages\": %ld, \"seconds\": %f}\n", count, now() - began);
    fflush(stdout);
    while (getchar() != EOF)
        ; /* nothing is taken down until the clock has been read */
    return 0;
}
