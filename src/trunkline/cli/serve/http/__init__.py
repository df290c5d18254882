"""What `trunkline serve http` does.

`site` says what a request for something in a directory is answered with, by `conditions` and
`ranges`, and in `pages` of its own. All of that is without a connection: `protocol` has one, and
h11, which knows how requests and answers are framed.
"""
