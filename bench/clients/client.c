/* The limit of the client contests: the same tasks as bench/clients/__init__.py, the same checks.
 *
 * It receives into a large buffer, finds the lines in it and calls a function through a pointer for
 * each, as a library would call its user; blocks are copied out of that buffer. Lines are gathered
 * in a buffer, and sent when it is full.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { LINE = 64, TEXT_LINES = 16384, BULK_LINES = 4096, BLOCK = 1024, ROUND_TRIPS = 16 };

static char text[TEXT_LINES * LINE + 1];
static char input[RECEIVE_LIMIT], output[65536];
static size_t begin, end; /* what of the input is still to be taken */
static size_t queued;     /* in the output */
static int asked, taken;  /* lines sent and received, as far as the text goes */
static int fd;

static void die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void send_all(const char *data, size_t length)
{
    while (length > 0) {
        ssize_t count = send(fd, data, length, MSG_NOSIGNAL);
        if (count < 0)
            die("send");
        data += count;
        length -= (size_t)count;
    }
}

static void receive_more(void)
{
    if (begin == end) {
        begin = end = 0;
    } else if (end == sizeof input) {
        memmove(input, input + begin, end - begin);
        end -= begin;
        begin = 0;
    }
    ssize_t count = recv(fd, input + end, sizeof input - end, 0);
    if (count <= 0)
        die("recv");
    end += (size_t)count;
}

static const char *take_line(void)
{
    char *newline;
    while ((newline = memchr(input + begin, '\n', end - begin)) == NULL)
        receive_more();
    const char *line = input + begin;
    begin = (size_t)(newline + 1 - input);
    return line;
}

static void write_line(const char *line)
{
    if (queued + LINE > sizeof output) {
        send_all(output, queued);
        queued = 0;
    }
    memcpy(output + queued, line, LINE);
    queued += LINE;
}

static void flush(void)
{
    send_all(output, queued);
    queued = 0;
}

static const char *last_line;

static void see_line(const char *line)
{
    last_line = line;
}

static void (*volatile on_line)(const char *line) = see_line;

static void ask(void)
{
    send_all(text + asked * LINE, LINE);
    asked = (asked + 1) % TEXT_LINES;
    taken = (taken + BULK_LINES) % TEXT_LINES;
}

/* Whether a piece is the end of what has been taken. */
static void check_last(const char *piece, size_t length)
{
    size_t until = (size_t)(taken == 0 ? TEXT_LINES : taken) * LINE;
    if (memcmp(piece, text + until - length, length) != 0)
        die("a wrong answer");
}

static int round_trips(void)
{
    for (int number = 0; number < ROUND_TRIPS; number++) {
        const char *line = text + asked * LINE;
        send_all(line, LINE);
        if (memcmp(take_line(), line, LINE) != 0)
            die("a wrong answer");
        asked = (asked + 1) % TEXT_LINES;
    }
    return ROUND_TRIPS;
}

static int read_lines(void)
{
    ask();
    for (int number = 0; number < BULK_LINES; number++)
        on_line(take_line());
    check_last(last_line, LINE);
    return BULK_LINES;
}

static int read_blocks(void)
{
    static char block[BLOCK];
    int count = BULK_LINES * LINE / BLOCK;
    ask();
    for (int number = 0; number < count; number++) {
        while (end - begin < BLOCK)
            receive_more();
        memcpy(block, input + begin, BLOCK);
        begin += BLOCK;
    }
    check_last(block, BLOCK);
    return count;
}

static int write_lines(void)
{
    for (int number = 0; number < BULK_LINES; number++)
        write_line(text + (asked + number) * LINE);
    flush();
    asked = (asked + BULK_LINES) % TEXT_LINES;
    taken = (taken + 1) % TEXT_LINES;
    check_last(take_line(), LINE);
    return BULK_LINES;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static long repeat(int (*turn)(void), double seconds)
{
    double until = now() + seconds;
    long count = turn();
    while (now() < until)
        count += turn();
    return count;
}

static void connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *service;
        int (*turn)(void);
    } tasks[] = {
        {"round-trip", round_trips}, {"read-line", read_lines},    {"iterate", read_lines},
        {"read-exactly", read_blocks}, {"read-into", read_blocks}, {"write-line", write_lines},
    };
    int (*turn)(void) = NULL;

    if (argc != 5)
        die("usage: client SERVICE WARMUP DURATION PORT");
    for (size_t index = 0; index < sizeof tasks / sizeof tasks[0]; index++)
        if (strcmp(tasks[index].service, argv[1]) == 0)
            turn = tasks[index].turn;
    if (turn == NULL)
        die("no such service");
    for (int number = 0; number < TEXT_LINES; number++)
        snprintf(text + number * LINE, LINE + 1, "%063d\n", number);
    connect_to(atoi(argv[4]));

    repeat(turn, atof(argv[2]));
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF)
        die("nobody is there who measures");
    double began = now();
    long count = repeat(turn, atof(argv[3]));
    printf("{\"messages\": %ld, \"seconds\": %.6f}\n", count, now() - began);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
