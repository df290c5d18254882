/* What is sent, and whether the same came back. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

/* Long enough that messages differ, short enough to stay in the second-level cache. */
enum { PATTERN_BYTES = 256 * 1024, REQUESTS_LEAST = 8 };

static uint64_t next_random(uint64_t *state)
{
    /* xorshift64: the same text every time and on every machine, no two messages of it alike. */
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

void pattern_make(struct pattern *pattern, const struct options *options)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789 .";
    uint64_t state = 88172645463325252u;

    pattern->request = options->size * (size_t)(options->lines > 0 ? options->lines : 1);
    size_t requests = PATTERN_BYTES / pattern->request;
    if (requests < REQUESTS_LEAST)
        requests = REQUESTS_LEAST;
    pattern->length = requests * pattern->request;
    pattern->bytes = malloc(pattern->length);
    if (pattern->bytes == NULL)
        fail("out of memory");

    for (size_t index = 0; index < pattern->length; index++) {
        unsigned random = (unsigned)(next_random(&state) >> 32);
        bool line_ends = options->lines > 0 && (index + 1) % options->size == 0;
        if (line_ends)
            pattern->bytes[index] = '\n';
        else if (options->lines > 0)
            pattern->bytes[index] = (unsigned char)letters[random % 64];
        else
            pattern->bytes[index] = (unsigned char)random;
    }
}

/* Where in the text a connection begins; neighbours begin far from each other. */
size_t pattern_start(const struct pattern *pattern, int connection)
{
    size_t requests = pattern->length / pattern->request;
    return (size_t)connection * 7919 % requests * pattern->request;
}

const unsigned char *pattern_at(const struct pattern *pattern, size_t start, uint64_t position)
{
    return pattern->bytes + (start + position) % pattern->length;
}

/* Compare what a connection received from `position` on with what it had sent there. */
void pattern_check(const struct pattern *pattern, int connection, uint64_t position,
                   const unsigned char *data, size_t length)
{
    size_t start = pattern_start(pattern, connection);
    while (length > 0) {
        const unsigned char *expected = pattern_at(pattern, start, position);
        size_t piece = (size_t)(pattern->bytes + pattern->length - expected);
        if (piece > length)
            piece = length;
        if (memcmp(data, expected, piece) != 0) {
            size_t index = 0;
            while (data[index] == expected[index])
                index++;
            fail("wrong answer on connection %d: byte %llu is 0x%02x, sent was 0x%02x", connection,
                 (unsigned long long)(position + index), data[index], expected[index]);
        }
        data += piece;
        position += piece;
        length -= piece;
    }
}
