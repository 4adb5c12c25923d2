"""What is shown of the books, a room for each kind of thing.

Everything is read from committed rows in a transaction of the caller's; nothing is decided here.
Lists are bounded by the caller's `limit` and go on from a cursor that never repeats.
"""
