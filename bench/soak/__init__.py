"""The soak: one gateway under everything at once, for minutes, and then a look at what it still holds.

`python -m bench soak --minutes 10`. Clients check every answer for honesty; at the end nothing may be left:
no connection, no place, no task, no memory that grows.
"""
