"""What `trunkline serve` does, once its options are known.

`services` are the protocols that come with it, `handlers` finds those of users, and `supervised`
runs them in a worker of a `Supervisor`, whatever they are made for: threads, callbacks or tasks.
"""
