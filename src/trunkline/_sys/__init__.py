"""The one door to the operating system.

Only this package makes system calls, and every error that one returns leaves it as one of
`trunkline.errors`, saying which operation failed on which address. It provides:

* `clock`: the time that never goes back;
* `readiness`: waiting until a descriptor is readable or writable;
* `descriptor`: a descriptor with users: one reader, one writer, and a close that wakes both;
* `socket_descriptor`: the system calls of sockets, on such a descriptor;
* `bare_calls`: two of them for who makes a great many, with nothing around them;
* `epoll_events`: waiting for what Linux tells, and whom that is for;
* `sockaddr`: addresses as the system calls take and return them;
* `host_names`: getaddrinfo(3) and getnameinfo(3);
* `shortage`: waiting until a descriptor of ours has become free.

Another platform, or native code, has to provide the same.
"""
