/* The limit of the calling contests: a queue, a heap, and one question to the kernel an iteration.
 *
 * The queue is an array of functions, behind a lock that nobody else wants; the timers are a binary
 * heap that knows where each of them is. Who asks from another thread wakes the loop, unless it has
 * been woken already. The sizes are those of bench/loops/__init__.py.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    CHAINED = 10000,
    QUEUED = 300000,
    POSTED = 10000,
    CANCELLED = 10000,
    PENDING = 100000,
    GATHERED = 10000,
    FAR = 3600, /* seconds */
    MOST = QUEUED,
};
#define NEAR 0.001

typedef void callback(void);

struct timer {
    double due;
    callback *call;
    int place; /* in the heap */
};

static struct {
    callback *calls[MOST];
    int first, length;
    pthread_mutex_t lock;
    struct timer *heap[MOST];
    int timers;
    int epoll, waker;
    bool woken, stopped;
} loop = {.lock = PTHREAD_MUTEX_INITIALIZER};

static long count, wanted;

static void die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* -- the loop ---------------------------------------------------------------------------------- */

static void call_soon(callback *call)
{
    pthread_mutex_lock(&loop.lock);
    if (loop.length == MOST)
        die("too many calls");
    loop.calls[(loop.first + loop.length++) % MOST] = call;
    pthread_mutex_unlock(&loop.lock);
}

static void call_soon_threadsafe(callback *call)
{
    uint64_t one = 1;
    call_soon(call);
    if (__atomic_exchange_n(&loop.woken, true, __ATOMIC_SEQ_CST))
        return;
    if (write(loop.waker, &one, sizeof one) != sizeof one)
        die("write");
}

static void put(int place, struct timer *timer)
{
    loop.heap[place] = timer;
    timer->place = place;
}

static void sift(int place, struct timer *timer)
{
    for (int parent; place > 0 && loop.heap[parent = (place - 1) / 2]->due > timer->due;
         place = parent)
        put(place, loop.heap[parent]);
    for (int child; (child = 2 * place + 1) < loop.timers; place = child) {
        if (child + 1 < loop.timers && loop.heap[child + 1]->due < loop.heap[child]->due)
            child++;
        if (loop.heap[child]->due >= timer->due)
            break;
        put(place, loop.heap[child]);
    }
    put(place, timer);
}

static struct timer *call_later(double delay, callback *call)
{
    struct timer *timer = malloc(sizeof *timer);
    if (timer == NULL || loop.timers == MOST)
        die("too many timers");
    *timer = (struct timer){.due = now() + delay, .call = call};
    sift(loop.timers++, timer);
    return timer;
}

static void cancel(struct timer *timer)
{
    struct timer *last = loop.heap[--loop.timers];
    if (last != timer)
        sift(timer->place, last);
    free(timer);
}

static void run_calls(void)
{
    pthread_mutex_lock(&loop.lock);
    int ready = loop.length;
    pthread_mutex_unlock(&loop.lock);
    while (ready-- > 0) {
        pthread_mutex_lock(&loop.lock);
        callback *call = loop.calls[loop.first];
        loop.first = (loop.first + 1) % MOST;
        loop.length--;
        pthread_mutex_unlock(&loop.lock);
        call();
    }
}

static void run_timers(void)
{
    double until = now();
    while (loop.timers > 0 && loop.heap[0]->due <= until) {
        callback *call = loop.heap[0]->call;
        cancel(loop.heap[0]);
        call();
    }
}

static void run(void)
{
    struct epoll_event event;
    uint64_t value;
    for (loop.stopped = false; !loop.stopped;) {
        int wait = -1;
        if (loop.length > 0) {
            wait = 0;
        } else if (loop.timers > 0) {
            double left = loop.heap[0]->due - now();
            wait = left <= 0 ? 0 : left > 100 ? 100000 : (int)(left * 1000) + 1;
        }
        if (epoll_wait(loop.epoll, &event, 1, wait) == 1) {
            if (read(loop.waker, &value, sizeof value) != sizeof value)
                die("read");
            __atomic_store_n(&loop.woken, false, __ATOMIC_SEQ_CST);
        }
        run_calls();
        if (loop.timers > 0)
            run_timers();
    }
}

/* -- what is done with it ---------------------------------------------------------------------- */

static void called(void)
{
    if (++count == wanted)
        loop.stopped = true;
}

static void called_in_a_chain(void)
{
    called();
    if (!loop.stopped)
        call_soon(called_in_a_chain);
}

/* The volatile pointer keeps the compiler from making the calls disappear. */
static callback *volatile on_call = called;

static long run_until_called(long number)
{
    run();
    if (count != wanted)
        die("a wrong number of calls");
    return number;
}

static long soon_chained(void)
{
    wanted += CHAINED;
    call_soon(called_in_a_chain);
    return run_until_called(CHAINED);
}

static long soon_queued(void)
{
    wanted += QUEUED;
    for (int number = 0; number < QUEUED; number++)
        call_soon(on_call);
    return run_until_called(QUEUED);
}

static void *post(void *nothing)
{
    for (int number = 0; number < POSTED; number++)
        call_soon_threadsafe(on_call);
    return nothing;
}

static long soon_threadsafe(void)
{
    pthread_t thread;
    wanted += POSTED;
    if (pthread_create(&thread, NULL, post, NULL) != 0 || pthread_join(thread, NULL) != 0)
        die("pthread_create");
    return run_until_called(POSTED);
}

static long timer_cancelled(void)
{
    for (int number = 0; number < CANCELLED; number++)
        cancel(call_later(FAR, on_call));
    wanted++;
    call_soon(on_call);
    run_until_called(1);
    return CANCELLED;
}

static long timer_pending(void)
{
    if (wanted == 0)
        for (int number = 0; number < PENDING; number++)
            call_later(FAR + number, on_call);
    return timer_cancelled();
}

static long timer_fired(void)
{
    wanted += PENDING;
    for (int number = 0; number < PENDING; number++)
        call_later(NEAR * (number % 10), on_call);
    return run_until_called(PENDING);
}

/* What is told when the last of many timers has fired needs no task. */
static long gather(void)
{
    wanted += GATHERED;
    for (int number = 0; number < GATHERED; number++)
        call_later(NEAR, on_call);
    return run_until_called(GATHERED);
}

static long repeat(long (*turn)(void), double seconds)
{
    double until = now() + seconds;
    long done = turn();
    while (now() < until)
        done += turn();
    return done;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *service;
        long (*turn)(void);
    } tasks[] = {
        {"soon-chained", soon_chained},       {"soon-queued", soon_queued},
        {"soon-threadsafe", soon_threadsafe}, {"timer-cancelled", timer_cancelled},
        {"timer-pending", timer_pending},     {"timer-fired", timer_fired},
        {"sleep", soon_chained},              {"gather", gather},
    };
    long (*turn)(void) = NULL;
    struct epoll_event event = {.events = EPOLLIN};

    if (argc != 4)
        die("usage: calls SERVICE WARMUP DURATION");
    for (size_t index = 0; index < sizeof tasks / sizeof tasks[0]; index++)
        if (strcmp(tasks[index].service, argv[1]) == 0)
            turn = tasks[index].turn;
    if (turn == NULL)
        die("no such service");
    loop.epoll = epoll_create1(EPOLL_CLOEXEC);
    loop.waker = eventfd(0, EFD_CLOEXEC);
    if (epoll_ctl(loop.epoll, EPOLL_CTL_ADD, loop.waker, &event) < 0)
        die("epoll_ctl");

    repeat(turn, atof(argv[2]));
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF)
        die("nobody is there who measures");
    double began = now();
    long done = repeat(turn, atof(argv[3]));
    printf("{\"messages\": %ld, \"seconds\": %.6f}\n", done, now() - began);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
