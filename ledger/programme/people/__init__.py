"""People and organisations: who takes part, and what they are called in the world outside.

numbers.py    numbers of identity documents and organisations, with their check digits
passwords.py  which are good enough, and their hashes
totp.py       the six digits of an authenticator application
longcodes.py  codes that are written down or handed over
locks.py      how long a login is locked after failures
"""
