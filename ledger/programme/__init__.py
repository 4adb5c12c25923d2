"""What the programme is about, around the journal: who may act, what waits, what is kept of whom.

    tables.py       its tables, on the journal's metadata
    ids.py          ids that follow from what they are ids of
    opening.py      how every process opens an installation
    privileges.py   what the service's role of the database is granted
    rounds.py       work that is done again and again

Who may do what, and who did:

    roles.py        one table of actions, and what it says of one person
    tokens.py       bearer tokens
    grants.py       who holds which role, and deputies
    wishes.py       what a caller asks for, as a value
    deeds.py        what wishes become, by one person or by two
    proposals.py    wishes that need a second person, and the one way in for all of them
    batches.py      many wishes under one key
    engagements.py  what an auditor may read, and how much of it
    inspecting.py   reading within an engagement, each record counted
    trail.py        the audit trail
    trailing.py     writing it beside requests

What is kept of people and organisations, and how it goes away:

    vault.py        a data key for each subject
    records.py      the record store
    recording.py    writing records
    commitments.py  what binds a record's version, and shows single fields of it
    findable.py     what a record is found by
    files.py        scans of paper, as encrypted files
    erasure.py      a subject's key is destroyed
    erasing.py      doing what was announced of erasures
    erasure_requests.py, erasure_decisions.py  somebody asks for it, and the office decides
    restriction.py  what is kept and not used any more
    lapses.py       invitations that are over

What waits, and what people are told:

    tasks.py        everything that waits for a person
    calendar.py     working days
    jobs.py         what time brings, once a day or an hour
    due.py          work that is due of quiet accounts
    messages.py     what messages say, and each person's inbox
    channels.py     how one reaches a person
    delivery.py     sending them out
    courier.py      sending at once what is kept nowhere
    paper.py        messages on paper
    telling.py      telling what became of what somebody asked for

What comes in from elsewhere, and what is shown:

    names.py        what other systems call an account
    history.py, csvlines.py, terms.py, importing.py  a history of earnings
    pages.py        pages of what a caller reaches in several ways
    glance.py       a ledger at a glance
    lags.py         how far publishing is behind
    reading/        what is shown of the books
    spreadsheets/   tables in and out
    people/         organisations, members, and those who sign in
"""
