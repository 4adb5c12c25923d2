"""People and organisations: who takes part, and what they are called in the world outside.

numbers.py    numbers of identity documents and organisations, with their check digits
contacts.py   numbers and addresses that people sign in with, and whose they are
codes.py      codes that are sent to them
devices.py    members sign in by such a code
logins.py     the staff sign in by password and second factor
enrolment.py  how one of the staff gets a login, and changes it
sessions.py   where a person is signed in
passwords.py  which are good enough, and their hashes
totp.py       the six digits of an authenticator application
longcodes.py  codes that are written down or handed over
locks.py      how long a login is locked after failures

memberships.py  who belongs to which organisation, from day to day
links.py        joining links of organisations, and the codes behind the `#`
invitations.py  whom organisations ask to join
inviting.py     what they asked for is kept, and carried out afterwards
entering.py     becoming a member of an organisation by a link or an invitation
rosters.py      tables of people to invite
joining.py      becoming a member, by oneself or at a desk
guardians.py    who consents for a minor
headcount.py    an organisation's totals
"""
