"""What `trunkline connect` does, once its options are known.

`dialling` makes the connection, with all that has to be said before it can be used, and `session`
moves what is typed one way and what is received the other. `streams` are the standard streams on
the event base. What happens to the bytes on their way, in `text_filters` and `hex_dump`, and what
has to be said before TLS, in `starttls`, is without I/O.
"""
