"""The web console: pages for people who hold a token, made of what the API reads too.

It changes nothing but the visitor's own session.  `session.py` says who is looking, `views.py` has
the pages, `words.py` says entries in words, `shown.py` how ids, numbers and times are written,
`languages.py` in which language, `pages.py` what every page has.
"""

from __future__ import annotations

from flask import Flask

from api.console import languages, pages, session, views


def install(app: Flask) -> None:
    """Puts the console into an application that has its problems registered."""
    session.install(app)
    languages.install(app)
    pages.install(app)
    app.register_blueprint(views.blueprint)
