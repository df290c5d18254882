/* The limit of the contests of TLS: the same as epoll_echo.c, over OpenSSL. */
#define SECURED
#include "epoll_echo.c"
