"""People and organisations: who takes part, and what they are called in the world outside.

tables.py     its tables
labels.py     what records, fields and columns are called, in Chinese and English

Signing in:

numbers.py    numbers of identity documents and organisations, with their check digits
contacts.py   numbers and addresses that people sign in with, and whose they are
codes.py      codes that are sent to them
devices.py    members sign in by such a code
logins.py     the staff sign in by password and second factor
staff.py      the staff, introduced with their roles
enrolment.py  how one of the staff gets a login, and changes it
sessions.py   where a person is signed in
passwords.py  which are good enough, and their hashes
totp.py       the six digits of an authenticator application
longcodes.py  codes that are written down or handed over
locks.py      how long a login is locked after failures

Organisations:

kinds.py          kinds and sub-kinds
organisations.py  who they are, and whether they take part
alliances.py      organisations of organisations
affiliations.py   who is of one on a day
venues.py         where they receive people
teams.py          their teams
training.py       their courses
belongings.py     what a venue, team and course have in common
headcount.py      their totals
serving.py        the service of those who belong to one

Members:

joining.py      becoming a member, by oneself or at a desk
links.py        joining links of organisations, and the codes behind the `#`
invitations.py  whom organisations ask to join
inviting.py     what they asked for is kept, and carried out afterwards
rosters.py      tables of people to invite
entering.py     becoming a member of an organisation by a link or an invitation
memberships.py  who belongs to which organisation, from day to day
cards.py        member cards
helping.py      done for somebody (代办)
ages.py         what age lets a person do
guardians.py    who consents for a minor
duplicates.py   who may be in a ledger twice
merges.py       making them one

What is kept of them, and their rights:

basics.py       what is kept by name, and corrected
confirming.py   what lets a contact in, and out
notices.py      what people are told before they consent
consents.py     what they agreed to
readiness.py    what is needed before service is recorded
attainments.py  training, qualifications, insurance
gates.py        what has to be attained before something
evidence.py     scans about people, kept and found
rights.py       what is held about a member, and who looked
download.py     all of it, as one file
waiting.py      the kinds of tasks of this room
"""
