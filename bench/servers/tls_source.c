/* The limit of the contests of TLS: the same as epoll_source.c, over OpenSSL. */
#define SECURED
#include "epoll_source.c"
