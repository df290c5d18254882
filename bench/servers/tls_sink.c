/* The limit of the contests of TLS: the same as epoll_sink.c, over OpenSSL. */
#define SECURED
#include "epoll_sink.c"
