/* The load generator: one thread, one epoll, every byte that comes back is compared.
 *
 *     load --mode traffic|churn|idle|bulk|datagrams --port PORT [options]
 *     load --mode partner [options]
 *     load --mode names
 *
 *   traffic  Connections are opened and stay open. On each, a request (one message of --size bytes,
 *            or --lines lines of --size bytes each) is sent with one send(); when all of its bytes
 *            have come back, the next one is. --window is how many requests are under way at once.
 *   churn    A connection is opened, sends one request, gets it back, says that it has finished,
 *            waits until the server has closed, and makes room for the next one.
 *   idle     Connections are opened one after the other and send one request each, so that the
 *            server has really served them; then nothing happens.
 *   bulk     Connections stay open. On each, --size bytes are sent and --answer bytes come back, over
 *            and over; both are pieces of the same numbered text, see text.c.
 *   datagrams  Each of as many peers as there would be connections sends a datagram of --size bytes,
 *            and the next one when the same has come back.
 *   With --tls 1, all of these but the last speak TLS; the handshake comes with the first request.
 *
 *   partner  It is the server, and the harness measures the client: it prints its port, takes one
 *            connection, and answers each --size bytes with --answer bytes, until its client has
 *            finished; again they are pieces of that text.
 *
 *   names    It is a name server, and the harness measures whoever asks it: it prints its port, and
 *            answers each question, see names.c.
 *
 * But for these two, it talks to the harness in three steps. It warms the server up, waits until
 * every answer is in, prints "ready" and waits for a line: the server now sleeps, and the harness
 * reads its clock. Then comes the measured part, at whose end again every answer is waited for. It prints one JSON object
 * and waits for its input to end: the server sleeps again, with the same connections open, and the
 * harness reads the clock a second time. So exactly the counted messages lie between the two
 * readings, and no connection's opening or closing (but in churn, where that is what is counted).
 *
 * A wrong byte, a lost connection or a stuck server ends the program with {"error": "..."}.
 */
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("{\"error\": \"");
    vprintf(format, arguments);
    printf("\"}\n");
    va_end(arguments);
    exit(1);
}

void wait_for_go(void)
{
    puts("ready");
    fflush(stdout);
    int character;
    while ((character = getchar()) != '\n')
        if (character == EOF)
            exit(0); /* the harness is gone or has changed its mind */
}

uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Return how many events there are, at least one, or 0 after `patience` seconds without any.
 *
 * It asks over and over instead of sleeping. A load generator that sleeps must be woken, and waking
 * another core is charged to the one that sends: to the server. Between two machines nobody has to
 * pay for that, and what it costs depends on how deeply the core sleeps. */
int next_events(int epoll, struct epoll_event *events, int most, double patience)
{
    uint64_t deadline = 0;
    for (;;) {
        int count = epoll_wait(epoll, events, most, 0);
        if (count > 0)
            return count;
        if (count < 0 && errno != EINTR)
            fail("epoll_wait: %s", strerror(errno));
        if (deadline == 0)
            deadline = now_ns() + (uint64_t)(patience * 1e9);
        else if (now_ns() > deadline)
            return 0;
    }
}

static void print_result(const struct result *result)
{
    printf("{\"messages\": %llu, \"bytes\": %llu, \"seconds\": %.6f, "
           "\"p50_us\": %.3f, \"p99_us\": %.3f, \"p999_us\": %.3f, \"max_us\": %.3f}\n",
           (unsigned long long)result->messages, (unsigned long long)result->bytes, result->seconds,
           (double)histogram_percentile(&result->latency, 0.5) / 1000,
           (double)histogram_percentile(&result->latency, 0.99) / 1000,
           (double)histogram_percentile(&result->latency, 0.999) / 1000,
           (double)result->latency.largest / 1000);
    fflush(stdout);
}

static double number(const char *name, const char *text, double lowest, double highest)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= lowest && value <= highest))
        fail("--%s must be a number from %g to %g, not '%s'", name, lowest, highest, text);
    return value;
}

static void parse(struct options *options, int argc, char **argv)
{
    static const struct option known[] = {
        {"mode", required_argument, NULL, 'm'},        {"port", required_argument, NULL, 'p'},
        {"connections", required_argument, NULL, 'c'}, {"size", required_argument, NULL, 's'},
        {"lines", required_argument, NULL, 'l'},       {"window", required_argument, NULL, 'w'},
        {"warmup", required_argument, NULL, 'u'},      {"duration", required_argument, NULL, 'd'},
        {"patience", required_argument, NULL, 't'},    {"sources", required_argument, NULL, 'a'},
        {"answer", required_argument, NULL, 'r'},      {"tls", required_argument, NULL, 'x'},
        {NULL, 0, NULL, 0},
    };
    int choice, index;
    while ((choice = getopt_long(argc, argv, "", known, &index)) != -1) {
        const char *name = choice == '?' ? "" : known[index].name;
        switch (choice) {
        case 'm': options->mode = optarg; break;
        case 'p': options->port = (int)number(name, optarg, 1, 65535); break;
        case 'c': options->connections = (int)number(name, optarg, 1, 1000000); break;
        case 's': options->size = (size_t)number(name, optarg, 1, 1 << 24); break;
        case 'r': options->answer = (size_t)number(name, optarg, 0, 1 << 24); break;
        case 'l': options->lines = (int)number(name, optarg, 0, 1 << 16); break;
        case 'w': options->window = (int)number(name, optarg, 1, 1 << 16); break;
        case 'u': options->warmup = number(name, optarg, 0, 3600); break;
        case 'd': options->duration = number(name, optarg, 0, 3600); break;
        case 't': options->patience = number(name, optarg, 0.001, 3600); break;
        case 'a': options->sources = (int)number(name, optarg, 1, 250); break;
        case 'x': options->tls = number(name, optarg, 0, 1) != 0; break;
        default: fail("usage: load --mode traffic|churn|idle|bulk|datagrams --port PORT [options]");
        }
    }
    if (options->port == 0 && strcmp(options->mode, "partner") != 0 &&
        strcmp(options->mode, "names") != 0)
        fail("--port is missing");
    if (optind != argc)
        fail("unexpected argument '%s'", argv[optind]);
}

int main(int argc, char **argv)
{
    struct options options = {
        .mode = "traffic", .connections = 1, .size = 1024, .window = 1,
        .warmup = 0.5, .duration = 2.0, .patience = 10.0, .sources = 1,
    };
    static struct result result;
    struct pattern pattern;

    parse(&options, argc, argv);
    if (strcmp(options.mode, "partner") == 0) {
        run_partner(&options);
        return 0;
    }
    if (strcmp(options.mode, "names") == 0)
        run_names();
    pattern_make(&pattern, &options);
    if (strcmp(options.mode, "traffic") == 0)
        run_traffic(&options, &pattern, &result);
    else if (strcmp(options.mode, "churn") == 0)
        run_churn(&options, &pattern, &result);
    else if (strcmp(options.mode, "idle") == 0)
        run_idle(&options, &pattern, &result);
    else if (strcmp(options.mode, "bulk") == 0)
        run_bulk(&options, &result);
    else if (strcmp(options.mode, "datagrams") == 0)
        run_datagrams(&options, &pattern, &result);
    else
        fail("--mode must be traffic, churn, idle, bulk, datagrams, partner or names, not '%s'",
             options.mode);

    print_result(&result);
    while (getchar() != EOF)
        ; /* the connections stay open until the harness has read the server's clock */
    return 0;
}
