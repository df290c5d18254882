/* TLS for the C servers: what takes the place of recv(), send() and close() if SECURED is defined.
 *
 * OpenSSL receives by itself, as much as its buffer holds, and says for how long there is more.
 */
#ifndef BENCH_TLS_CONNECTION_H
#define BENCH_TLS_CONNECTION_H

#include <openssl/ssl.h>

static SSL_CTX *tls_context;

static void prepare_tls(const char *certificate)
{
    tls_context = SSL_CTX_new(TLS_server_method());
    if (tls_context == NULL ||
        SSL_CTX_use_certificate_chain_file(tls_context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls_context, certificate, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "no usable certificate\n");
        exit(1);
    }
    SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(tls_context, 1);
}

static SSL *begin_tls(int fd)
{
    SSL *tls = SSL_new(tls_context);
    if (tls == NULL || !SSL_set_fd(tls, fd)) {
        fprintf(stderr, "no TLS\n");
        exit(1);
    }
    SSL_set_accept_state(tls);
    return tls;
}

/* Return what the system's call would: 0 for the end, -1 with errno. */
static ssize_t told(SSL *tls, int count)
{
    if (count > 0)
        return count;
    switch (SSL_get_error(tls, count)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    default: errno = EPROTO; return -1;
    }
}

/* Receive until the buffer is full, or there is no more. */
static ssize_t receive_by_tls(SSL *tls, char *buffer, size_t size)
{
    size_t received = 0;
    while (received < size) {
        ssize_t count = told(tls, SSL_read(tls, buffer + received, (int)(size - received)));
        if (count <= 0)
            return received > 0 ? (ssize_t)received : count;
        received += (size_t)count;
    }
    return (ssize_t)received;
}

/* Send until all is sent, or there is no more room. */
static ssize_t send_by_tls(SSL *tls, const char *data, size_t length)
{
    size_t sent = 0;
    while (sent < length) {
        ssize_t count = told(tls, SSL_write(tls, data + sent, (int)(length - sent)));
        if (count <= 0)
            return sent > 0 ? (ssize_t)sent : count;
        sent += (size_t)count;
    }
    return (ssize_t)sent;
}

static void end_tls(SSL *tls)
{
    SSL_shutdown(tls);
    SSL_free(tls);
}

#endif
