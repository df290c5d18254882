/* The text that both sides know without telling each other: numbered lines of 64 bytes, over and
 * over. A line that is lost, doubled or out of order has another number than the one expected.
 * `bench/numbered.py` is the same one.
 */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 64, LINES = TEXT_BYTES / LINE_BYTES };

static char text[TEXT_BYTES + 1];

const char *numbered_text(void)
{
    if (text[0] == '\0')
        for (int number = 0; number < LINES; number++)
            snprintf(text + number * LINE_BYTES, LINE_BYTES + 1, "%063d\n", number);
    return text;
}

/* Send what is allowed of the text, as far as the system takes it; return how many bytes. */
size_t send_text(int fd, uint64_t position, uint64_t allowed)
{
    size_t begin = position % TEXT_BYTES, piece = TEXT_BYTES - begin;
    if (piece > allowed)
        piece = allowed;
    ssize_t count = send_bytes(fd, numbered_text() + begin, piece);
    if (count < 0 && errno != EAGAIN)
        fail("send: %s", strerror(errno));
    return count < 0 ? 0 : (size_t)count;
}

/* Receive a piece of the text and compare it; return how many bytes, or -1 at the end of file. */
ssize_t receive_text(int fd, uint64_t position)
{
    static char buffer[RECEIVE_BYTES];
    ssize_t count = receive_bytes(fd, buffer, sizeof buffer);
    if (count == 0)
        return -1;
    if (count < 0 && errno != EAGAIN)
        fail("recv: %s", strerror(errno));
    for (ssize_t done = 0; done < count;) {
        size_t begin = (position + (uint64_t)done) % TEXT_BYTES;
        size_t piece = TEXT_BYTES - begin;
        if (piece > (size_t)(count - done))
            piece = (size_t)(count - done);
        if (memcmp(buffer + done, numbered_text() + begin, piece) != 0)
            fail("wrong text between byte %llu and byte %llu", (unsigned long long)position,
                 (unsigned long long)position + (unsigned long long)count);
        done += (ssize_t)piece;
    }
    return count < 0 ? 0 : count;
}
