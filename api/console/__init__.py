"""The web console: pages for people, made of the domain functions that the API calls too.

    views.py     a ledger, for whoever may read it; nothing can be changed there
    signing.py   signing in, by a code that is sent or by password; the first password
    joining.py   becoming a member
    mine.py      what is one's own: points, messages, consents, where one is signed in

`session.py` says who is looking, `forms.py` what they fill in, `words.py` says entries in words,
`shown.py` how ids, numbers and times are written, `languages.py` in which language, `pages.py` what
every page has, `addresses.py` on what they are registered.
"""

from __future__ import annotations

from flask import Flask

from api.console import addresses, joining, languages, mine, pages, session, signing, views

VIEWS = (views, signing, joining, mine)
"""Whose import puts their views on the blueprint."""


def install(app: Flask) -> None:
    """Puts the console into an application that has its problems registered."""
    session.install(app)
    languages.install(app)
    pages.install(app)
    app.register_blueprint(addresses.blueprint)
