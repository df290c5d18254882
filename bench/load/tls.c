/* Connections that speak TLS, behind the same calls as those that do not.
 *
 * The handshake comes with the first byte that is sent. No session is gone on with, and nothing is
 * verified: what is measured is the server.
 */
#include "load.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef WITH_OPENSSL
#include <openssl/err.h>
#include <openssl/ssl.h>

enum { MOST_NUMBERS = 65536 };

static SSL *secured[MOST_NUMBERS]; /* by the descriptor's number */

static SSL *tls_of(int fd)
{
    return fd < MOST_NUMBERS ? secured[fd] : NULL;
}

void begin_tls(int fd)
{
    static SSL_CTX *context;
    if (context == NULL) {
        context = SSL_CTX_new(TLS_client_method());
        if (context == NULL)
            fail("no TLS");
        SSL_CTX_set_mode(context,
                         SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    }
    SSL *tls = SSL_new(context);
    if (tls == NULL || fd >= MOST_NUMBERS || !SSL_set_fd(tls, fd))
        fail("no TLS for descriptor %d", fd);
    SSL_set_connect_state(tls);
    secured[fd] = tls;
}

/* Return what a call of the system would: 0 for the end, -1 with errno. */
static ssize_t told(SSL *tls, int count)
{
    if (count > 0)
        return count;
    switch (SSL_get_error(tls, count)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    default: fail("TLS: %s", ERR_reason_error_string(ERR_peek_last_error()));
    }
}

ssize_t send_bytes(int fd, const void *data, size_t length)
{
    SSL *tls = tls_of(fd);
    if (tls == NULL)
        return send(fd, data, length, MSG_NOSIGNAL);
    return told(tls, SSL_write(tls, data, (int)length));
}

ssize_t receive_bytes(int fd, void *buffer, size_t size)
{
    SSL *tls = tls_of(fd);
    if (tls == NULL)
        return recv(fd, buffer, size, 0);
    return told(tls, SSL_read(tls, buffer, (int)size));
}

int end_output(int fd)
{
    SSL *tls = tls_of(fd);
    if (tls == NULL)
        return shutdown(fd, SHUT_WR);
    return SSL_shutdown(tls) < 0 ? -1 : 0;
}

void close_connection(int fd)
{
    SSL *tls = tls_of(fd);
    if (tls != NULL) {
        SSL_free(tls);
        secured[fd] = NULL;
    }
    close(fd);
}

#else /* the headers of OpenSSL are not there */

void begin_tls(int fd)
{
    (void)fd;
    fail("the load generator was compiled without OpenSSL");
}

ssize_t send_bytes(int fd, const void *data, size_t length)
{
    return send(fd, data, length, MSG_NOSIGNAL);
}

ssize_t receive_bytes(int fd, void *buffer, size_t size)
{
    return recv(fd, buffer, size, 0);
}

int end_output(int fd)
{
    return shutdown(fd, SHUT_WR);
}

void close_connection(int fd)
{
    close(fd);
}

#endif
