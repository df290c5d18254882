"""What `trunkline serve` does, once its options are known.

`plan` makes the supervisor. `services` are the protocols that come with it, `handlers` finds those
of users, and `supervised` runs them in a worker, whatever they are made for: threads are what a
`Server` has, and callbacks and tasks have servers there.
"""
