"""`sluiceway doctor`: is the way from a client to the gateway fit for streams, and if not, what to change where?

    asking  →  client  →  seen  →  events  →  findings by question  →  report
    (what)     (I/O)      (values, and pure functions of them)

Only `client` and `examine` do I/O. Every finding is a pure function of what was seen.
"""
