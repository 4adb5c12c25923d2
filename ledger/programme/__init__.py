"""What the programme is about, around the journal: who may act, what waits, what things are called.

Its files that the API rests on:

    tables.py     its tables, on the journal's metadata
    tokens.py     bearer tokens: who a caller is
    wishes.py     what a caller asks for, as a value, and the command that it becomes
    proposals.py  wishes that need a second person, and the one way in for all of them
    names.py      what other systems call an account
    reading.py    what is shown of the books
    due.py        work that is due of quiet accounts
    jobs.py       what time brings, once a day of each ledger

What comes later is listed here too, below whatever it builds on.
"""
