/* Make the system calls of a program's sockets and pipes misbehave, on purpose and repeatably.
 *
 * Compiled as a shared library and named in LD_PRELOAD, this file stands between a program and
 * glibc. Whatever the program is written in, its receives, sends, accepts, connects and waits then
 * go wrong in the ways the kernel allows, and in no other: the point is to find code that believes
 * more than it was promised. Four environment variables steer it.
 *
 *   TRUNKLINE_FAULTS_SEED=42        The n-th call of an operation draws the same lot each time.
 *   TRUNKLINE_FAULTS=KIND=RATE,...  How often a kind of fault happens, in a thousand calls:
 *       short              a transfer on a stream moves fewer bytes than asked, at least one
 *       interrupted        EINTR, and nothing was done
 *       would-block        EAGAIN, on non-blocking descriptors only
 *       reset              ECONNRESET or EPIPE on a transfer, ECONNABORTED on accept
 *       descriptors        EMFILE or ENFILE from accept and socket
 *       memory             ENOBUFS or ENOMEM from accept, socket and the sending calls
 *       interrupted-close  EINTR from close, which has closed all the same, as Linux does
 *   TRUNKLINE_FAULTS_SCRIPT=OPERATION:FAULT[@FIRST][*COUNT],...
 *       From the FIRST (default 1) call of OPERATION on, COUNT (default 1) calls in a row meet
 *       FAULT: `accept:EMFILE*5`, `recv:ECONNRESET@3`. FAULT is `short` or the name of an error.
 *       A script comes before the rates; what is impossible for a call is left undone.
 *   TRUNKLINE_FAULTS_REPORT=FILE    Keep the counts in this file: `struct tally` below, one for
 *       every operation and fault, in the machine's byte order. It is mapped and shared, so that
 *       several processes add up and neither _exit nor a kill loses anything.
 *
 * The operations, each counted by itself in each process (a forked child counts on):
 *   recv: recv recvfrom recvmsg      read: read readv       accept: accept accept4
 *   send: send sendto sendmsg        write: write writev    connect, close, socket
 *   and send: sendfile, and splice into anything but a pipe; recv: splice into a pipe
 *   wait: poll ppoll select epoll_wait epoll_pwait
 *
 * What a program may rely on under the real kernel, it may rely on here:
 *   - Descriptors 0 to 2, files, terminals and eventfds are left alone, and not counted.
 *   - Datagrams, urgent data, control messages, MSG_PEEK and MSG_WAITALL are not shortened, nor are
 *     writes to a pipe of up to PIPE_BUF bytes, which are atomic.
 *   - No edge is lost: what is registered with EPOLLET never blocks or falls short by our doing.
 *   - By the rates, a pipe or local socket never breaks, and blocks a sender only while it holds
 *     something unread: a waker, both of whose ends are ours, relies on that. A script may do both.
 *   - By the rates, at most three calls of one operation on one descriptor fail in a row in a
 *     thread, so that even a rate of 1000 delays a program and does not stop it.
 *
 * Out of reach: what glibc does inside itself (getaddrinfo, stdio), io_uring, pselect, recvmmsg,
 * and the checked twins (__recv_chk and its like) that _FORTIFY_SOURCE may call.
 */

#undef _FORTIFY_SOURCE /* Its inline versions of these very functions would collide with ours. */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NONE = INT_MIN }; /* in place of a descriptor, where there is not just one */
/* A fault is a number of errno's or one of the first two: left alone, or shortened. */
enum { NOTHING = 0, CUT = EHWPOISON + 1, FAULTS };
enum { IN_A_ROW_MAX = 3, SCRIPT_MAX = 32, PARTS_MAX = 64, MARKS = 4096 };

/* What each kind of fault is for each operation: one error, or one of two, or nothing. */
enum { SHORT, INTERRUPTED, WOULD_BLOCK, RESET, DESCRIPTORS, MEMORY, INTERRUPTED_CLOSE, KINDS };
static const char *const kinds[] = {"short",       "interrupted", "would-block",      "reset",
                                    "descriptors", "memory",      "interrupted-close"};
enum { RECV, READ, SEND, WRITE, ACCEPT, CONNECT, WAIT, CLOSE, SOCKET, OPERATIONS };
static const char *const operations[] = {"recv",    "read", "send",  "write", "accept",
                                         "connect", "wait", "close", "socket"};
#define TRANSFER [SHORT] = {CUT}, [INTERRUPTED] = {EINTR}, [WOULD_BLOCK] = {EAGAIN}
#define NO_MEMORY [MEMORY] = {ENOBUFS, ENOMEM}
#define NO_DESCRIPTORS [DESCRIPTORS] = {EMFILE, ENFILE}
static const int table[OPERATIONS][KINDS][2] = {
    [RECV] = {TRANSFER, [RESET] = {ECONNRESET}},
    [READ] = {TRANSFER, [RESET] = {ECONNRESET}},
    [SEND] = {TRANSFER, [RESET] = {ECONNRESET, EPIPE}, NO_MEMORY},
    [WRITE] = {TRANSFER, [RESET] = {ECONNRESET, EPIPE}, NO_MEMORY},
    [ACCEPT] = {[INTERRUPTED] = {EINTR}, [WOULD_BLOCK] = {EAGAIN}, [RESET] = {ECONNABORTED},
                NO_DESCRIPTORS, NO_MEMORY},
    [CONNECT] = {[INTERRUPTED] = {EINTR}},
    [WAIT] = {[INTERRUPTED] = {EINTR}},
    [CLOSE] = {[INTERRUPTED_CLOSE] = {EINTR}},
    [SOCKET] = {NO_DESCRIPTORS, NO_MEMORY},
};

struct tally {
    char name[24]; /* "recv EINTR", padded with zeros */
    _Atomic uint64_t count;
};

static const char *fault_names[FAULTS] = {[NOTHING] = "calls", [CUT] = "short"};
static uint64_t seed;
static unsigned rates[KINDS];
static struct step {
    int operation, fault;
    unsigned first, count;
} script[SCRIPT_MAX];
static size_t script_length;
static struct tally unreported[OPERATIONS][FAULTS];
static struct tally (*tallies)[FAULTS] = unreported;
static _Atomic uint64_t calls[OPERATIONS];
/* Descriptors share these by their last bits, which can only make faults rarer. */
static atomic_bool edge_triggered[MARKS];
static _Thread_local unsigned char in_a_row[OPERATIONS][UCHAR_MAX + 1];

/* The real functions are found once: dlsym takes a lock, which a forked child might find taken. */
#define FUNCTIONS(X) \
    X(recv) X(recvfrom) X(recvmsg) X(read) X(readv) X(send) X(sendto) X(sendmsg) X(write) \
    X(writev) X(accept) X(accept4) X(connect) X(close) X(socket) X(poll) X(ppoll) X(select) \
    X(epoll_wait) X(epoll_pwait) X(epoll_ctl) X(sendfile) X(sendfile64) \
    X(splice)
#define INDEX(name) REAL_##name,
#define STRING(name) #name,
static const char *const function_names[] = {FUNCTIONS(STRING)};
enum { FUNCTIONS(INDEX) FUNCTION_COUNT };
static void *real[FUNCTION_COUNT];
#define REAL(name) ((__typeof__(&name))real[REAL_##name])

/* ---- The environment ---- */

/* A typing error must not pass for a program that survived its faults. */
static _Noreturn void refuse(const char *what, const char *text)
{
    dprintf(STDERR_FILENO, "trunkline faults: %s: %s\n", what, text);
    _exit(2);
}

static int find(const char *name, const char *const names[], int end, const char *entry)
{
    for (int i = 0; i < end; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    refuse("unknown name", entry);
}

static void read_rate(const char *entry)
{
    char name[24];
    unsigned rate;
    int end = 0;
    if (sscanf(entry, "%23[a-z-]=%u%n", name, &rate, &end) != 2 || entry[end] || rate > 1000)
        refuse("not KIND=RATE with a rate of 0 to 1000", entry);
    rates[find(name, kinds, KINDS, entry)] = rate;
}

static void read_step(const char *entry)
{
    char operation[16], fault[16];
    struct step step = {.first = 1, .count = 1};
    int end = 0, more = 0;
    if (sscanf(entry, "%15[a-z]:%15[A-Za-z0-9]%n", operation, fault, &end) == 2) {
        if (sscanf(entry + end, "@%u%n", &step.first, &more) == 1)
            end += more;
        if (sscanf(entry + end, "*%u%n", &step.count, &more) == 1)
            end += more;
    }
    if (end == 0 || entry[end] || step.first == 0 || script_length == SCRIPT_MAX)
        refuse("not OPERATION:FAULT[@FIRST][*COUNT], or one too many", entry);
    step.operation = find(operation, operations, OPERATIONS, entry);
    step.fault = find(fault, fault_names, FAULTS, entry);
    script[script_length++] = step;
}

static void read_list(const char *variable, void (*read_entry)(const char *))
{
    const char *value = getenv(variable);
    char *list = strdup(value ? value : ""), *rest = NULL;
    for (char *entry = strtok_r(list, ",", &rest); entry; entry = strtok_r(NULL, ",", &rest))
        read_entry(entry);
    free(list);
}

static void open_report(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || ftruncate(fd, sizeof unreported) < 0)
        refuse("cannot write the report", path);
    void *shared = mmap(NULL, sizeof unreported, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED)
        refuse("cannot map the report", path);
    REAL(close)(fd);
    tallies = shared;
    for (int i = 0; i < OPERATIONS; i++)
        for (int j = 0; j < FAULTS; j++)
            snprintf(tallies[i][j].name, sizeof tallies[i][j].name, "%s %s", operations[i],
                     fault_names[j]);
}

static void set_up(void)
{
    for (int i = 0; i < FUNCTION_COUNT; i++)
        if (!(real[i] = dlsym(RTLD_NEXT, function_names[i])))
            refuse("the C library lacks", function_names[i]);
    for (int i = NOTHING + 1; i < CUT; i++)
        fault_names[i] = strerrorname_np(i) ? strerrorname_np(i) : "";
    const char *number = getenv("TRUNKLINE_FAULTS_SEED");
    const char *report = getenv("TRUNKLINE_FAULTS_REPORT");
    char *end = NULL;
    seed = number ? strtoull(number, &end, 10) : 0;
    if (end && *end)
        refuse("not a number", number);
    read_list("TRUNKLINE_FAULTS", read_rate);
    read_list("TRUNKLINE_FAULTS_SCRIPT", read_step);
    if (report && *report)
        open_report(report);
}

/* Another library's constructor may well call us before our own has run: hence the once. */
static __attribute__((constructor)) void ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up);
}

/* ---- What may happen to a call ---- */

struct call {
    int operation, fd, flags;
    size_t length;               /* of a transfer, else 0 */
    bool stream, pipe, internet; /* what the descriptor is; a pipe is a stream, too */
};

/* Say whether the call is one we may touch, and learn what its descriptor is. */
static bool examine(struct call *call)
{
    int type = 0, domain = 0;
    socklen_t size = sizeof type;
    struct stat status;
    if (call->fd <= STDERR_FILENO)
        return call->fd == NONE;
    if (getsockopt(call->fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0) {
        getsockopt(call->fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
        call->stream = type == SOCK_STREAM;
        call->internet = domain == AF_INET || domain == AF_INET6;
        return true;
    }
    call->pipe = call->stream = fstat(call->fd, &status) == 0 && S_ISFIFO(status.st_mode);
    return call->pipe;
}

static bool is_blocking(const struct call *call)
{
    return !(call->flags & MSG_DONTWAIT) && !(fcntl(call->fd, F_GETFL) & O_NONBLOCK);
}

/* Say whether the kernel could do this to the call at all; scripts are held to it, too. */
static bool is_possible(const struct call *call, int fault)
{
    const int harmless = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE | MSG_CMSG_CLOEXEC;
    bool level = call->fd >= 0 && !edge_triggered[call->fd % MARKS];
    switch (fault) {
    case CUT:
        return call->stream && level && !(call->flags & ~harmless) && call->length > 1 &&
               !(call->pipe && call->operation == WRITE && call->length <= PIPE_BUF);
    case EAGAIN:
        return level && !is_blocking(call);
    case EINTR: /* A non-blocking connect does not sleep, a local one would not have begun. */
        return call->operation != CONNECT ||
               (call->stream && call->internet && is_blocking(call));
    case ECONNRESET:
    case EPIPE:
        return call->stream || call->operation > WRITE;
    }
    return true;
}

/* Say whether chance may do it: nothing that cannot befall a connection of a process to itself. */
static bool is_plausible(const struct call *call, int fault)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    int unread = 0;
    if (call->operation > WRITE || fault == CUT || fault == EINTR)
        return true;
    if (fault == ECONNRESET || fault == EPIPE)
        return call->internet && getpeername(call->fd, (struct sockaddr *)&peer, &size) == 0;
    if (fault == EAGAIN && call->operation <= READ)
        return true;
    if (fault == EAGAIN && !call->internet)
        return ioctl(call->fd, call->pipe ? FIONREAD : SIOCOUTQ, &unread) == 0 && unread > 0;
    return call->internet;
}

static void count(int operation, int fault)
{
    atomic_fetch_add(&tallies[operation][fault].count, 1);
}

/* ---- What does happen to it ---- */

/* Scramble a number so that neighbours come out unrelated (the mixing step of splitmix64). */
static uint64_t scramble(uint64_t number)
{
    number += 0x9e3779b97f4a7c15;
    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9;
    number = (number ^ number >> 27) * 0x94d049bb133111eb;
    return number ^ number >> 31;
}

static int scripted(const struct call *call, uint64_t nth)
{
    for (const struct step *step = script; step < script + script_length; step++)
        if (step->operation == call->operation && nth >= step->first &&
            nth - step->first < step->count)
            return is_possible(call, step->fault) ? step->fault : NOTHING;
    return NOTHING;
}

static int drawn(const struct call *call, uint64_t random)
{
    unsigned char *failures = &in_a_row[call->operation][call->fd & UCHAR_MAX];
    unsigned point = (unsigned)(random % 1000);
    int fault = NOTHING;
    for (int kind = 0; kind < KINDS && fault == NOTHING; kind++) {
        const int *choice = table[call->operation][kind];
        if (choice[0] && point < rates[kind])
            fault = choice[1] ? choice[random >> 16 & 1] : choice[0];
        else if (choice[0])
            point -= rates[kind];
    }
    if (!is_possible(call, fault) || !is_plausible(call, fault))
        fault = NOTHING;
    if (fault != NOTHING && fault != CUT && *failures < IN_A_ROW_MAX) {
        ++*failures;
        return fault;
    }
    *failures = 0;
    return fault == CUT ? CUT : NOTHING;
}

/* Return the call's fate: NOTHING, CUT (its length is then the new one) or an errno. */
static int decide(struct call *call)
{
    int saved = errno, fault = NOTHING;
    ready();
    if (examine(call)) {
        uint64_t nth = atomic_fetch_add(&calls[call->operation], 1) + 1;
        uint64_t lots = scramble(scramble(seed) + (uint64_t)call->operation);
        uint64_t random = scramble(lots + nth);
        count(call->operation, NOTHING);
        if ((fault = scripted(call, nth)) == NOTHING)
            fault = drawn(call, random);
        if (fault == CUT) { /* to each order of magnitude alike: most receives ask for plenty */
            size_t limit = (size_t)1 << (random >> 20 & 15);
            call->length = 1 + (random >> 32) % (limit < call->length ? limit : call->length - 1);
        }
    }
    errno = saved;
    return fault;
}

/* Decide and carry out. True: the call has failed, errno says why. Else *length may have shrunk. */
static bool fails(int operation, int fd, int flags, size_t *length)
{
    struct call call = {operation, fd, flags, length ? *length : 0, false, false, false};
    int fault = decide(&call);
    if (fault == NOTHING)
        return false;
    count(operation, fault);
    if (fault == CUT) {
        *length = call.length;
        return false;
    }
    if (length && (fault == ECONNRESET || fault == EPIPE)) {
        shutdown(fd, SHUT_RDWR); /* What was broken stays broken. */
        if (fault == EPIPE && !(flags & MSG_NOSIGNAL))
            raise(SIGPIPE);
    }
    errno = fault;
    return true;
}

/* The same for a message, whose list of buffers is shortened in a copy that may end anywhere. */
static bool message_fails(int operation, int fd, int flags, struct msghdr *message,
                          struct iovec copy[PARTS_MAX])
{
    size_t length = 0, used = 0;
    for (size_t i = 0; i < message->msg_iovlen && i < PARTS_MAX; i++)
        length += message->msg_iov[i].iov_len;
    size_t whole = length = message->msg_controllen ? 0 : length;
    if (fails(operation, fd, flags, &length))
        return true;
    if (length == whole)
        return false;
    for (; length > 0; length -= copy[used++].iov_len) {
        copy[used] = message->msg_iov[used];
        if (copy[used].iov_len > length)
            copy[used].iov_len = length;
    }
    message->msg_iov = copy;
    message->msg_iovlen = used;
    return false;
}

/* ---- The functions themselves ---- */

#define WRAP(type, name, failure, parameters, arguments) \
    type name parameters { return failure ? -1 : REAL(name) arguments; }

WRAP(ssize_t, recv, fails(RECV, fd, flags, &length),
     (int fd, void *buffer, size_t length, int flags), (fd, buffer, length, flags))
WRAP(ssize_t, recvfrom, fails(RECV, fd, flags, &length),
     (int fd, void *buffer, size_t length, int flags, __SOCKADDR_ARG from, socklen_t *size),
     (fd, buffer, length, flags, from, size))
WRAP(ssize_t, read, fails(READ, fd, 0, &length),
     (int fd, void *buffer, size_t length), (fd, buffer, length))
WRAP(ssize_t, send, fails(SEND, fd, flags, &length),
     (int fd, const void *data, size_t length, int flags), (fd, data, length, flags))
WRAP(ssize_t, sendto, fails(SEND, fd, flags, &length),
     (int fd, const void *data, size_t length, int flags, __CONST_SOCKADDR_ARG to, socklen_t size),
     (fd, data, length, flags, to, size))
WRAP(ssize_t, write, fails(WRITE, fd, 0, &length),
     (int fd, const void *data, size_t length), (fd, data, length))
WRAP(ssize_t, sendfile, fails(SEND, fd, 0, &length),
     (int fd, int file, off_t *offset, size_t length), (fd, file, offset, length))
WRAP(ssize_t, sendfile64, fails(SEND, fd, 0, &length),
     (int fd, int file, off64_t *offset, size_t length), (fd, file, offset, length))
WRAP(int, accept, fails(ACCEPT, fd, 0, NULL),
     (int fd, __SOCKADDR_ARG from, socklen_t *size), (fd, from, size))
WRAP(int, accept4, fails(ACCEPT, fd, 0, NULL),
     (int fd, __SOCKADDR_ARG from, socklen_t *size, int flags), (fd, from, size, flags))
WRAP(int, socket, fails(SOCKET, NONE, 0, NULL),
     (int domain, int type, int protocol), (domain, type, protocol))
WRAP(int, poll, fails(WAIT, NONE, 0, NULL),
     (struct pollfd *fds, nfds_t count, int timeout), (fds, count, timeout))
WRAP(int, ppoll, fails(WAIT, NONE, 0, NULL),
     (struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask),
     (fds, count, timeout, mask))
WRAP(int, select, fails(WAIT, NONE, 0, NULL),
     (int count, fd_set *in, fd_set *out, fd_set *other, struct timeval *timeout),
     (count, in, out, other, timeout))
WRAP(int, epoll_wait, fails(WAIT, NONE, 0, NULL),
     (int epoll, struct epoll_event *events, int count, int timeout),
     (epoll, events, count, timeout))
WRAP(int, epoll_pwait, fails(WAIT, NONE, 0, NULL),
     (int epoll, struct epoll_event *events, int count, int timeout, const sigset_t *mask),
     (epoll, events, count, timeout, mask))

#define WRAP_VECTOR(name, operation) \
    ssize_t name(int fd, const struct iovec *parts, int count) \
    { \
        struct iovec copy[PARTS_MAX]; \
        struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count}; \
        if (message_fails(operation, fd, 0, &message, copy)) \
            return -1; \
        return REAL(name)(fd, message.msg_iov, (int)message.msg_iovlen); \
    }

WRAP_VECTOR(readv, READ)
WRAP_VECTOR(writev, WRITE)

ssize_t sendmsg(int fd, const struct msghdr *original, int flags)
{
    struct iovec copy[PARTS_MAX];
    struct msghdr message = *original;
    if (message_fails(SEND, fd, flags, &message, copy))
        return -1;
    return REAL(sendmsg)(fd, &message, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    struct iovec copy[PARTS_MAX], *parts = message->msg_iov;
    size_t count = message->msg_iovlen;
    ssize_t received = -1;
    if (!message_fails(RECV, fd, flags, message, copy))
        received = REAL(recvmsg)(fd, message, flags);
    message->msg_iov = parts;
    message->msg_iovlen = count;
    return received;
}

/* One end is a pipe; what may go wrong is the other one. */
ssize_t splice(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t length,
               unsigned flags)
{
    struct stat status;
    bool receives = fstat(to, &status) == 0 && S_ISFIFO(status.st_mode);
    if (receives ? fails(RECV, from, 0, &length) : fails(SEND, to, 0, &length))
        return -1;
    return REAL(splice)(from, from_offset, to, to_offset, length, flags);
}

/* An interrupted connect goes on without its caller: so it does here, by not blocking. */
int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t size)
{
    if (!fails(CONNECT, fd, 0, NULL))
        return REAL(connect)(fd, address, size);
    if (errno != EINTR)
        return -1;
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    int result = REAL(connect)(fd, address, size);
    int error = errno == EINPROGRESS ? EINTR : errno;
    fcntl(fd, F_SETFL, flags);
    errno = error;
    return result;
}

/* Whatever close reports, it has closed: the number may belong to somebody else by then. */
int close(int fd)
{
    struct call call = {.operation = CLOSE, .fd = fd};
    int fault = decide(&call);
    if (fd >= 0)
        edge_triggered[fd % MARKS] = false;
    if (REAL(close)(fd) < 0)
        return -1;
    if (fault == NOTHING)
        return 0;
    count(CLOSE, fault);
    errno = fault;
    return -1;
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    ready();
    if (fd >= 0 && event && (event->events & EPOLLET))
        edge_triggered[fd % MARKS] = true;
    return REAL(epoll_ctl)(epoll, operation, fd, event);
}
