"""The languages of the pages: English as the sources have it, Chinese from a gettext catalogue.

The catalogue `translations/zh/LC_MESSAGES/messages.po` is read when the first page needs it, so
that there is no compiled file to build, to keep beside it or to forget; `messages.py` brings it
up to date with the sources.
"""

from __future__ import annotations

from functools import cache, cached_property
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, request, session
from flask_babel import Babel, Domain, get_locale

from api.console.session import LANGUAGES

HERE = Path(__file__).parent
CATALOGUE = HERE / "translations" / "zh" / "LC_MESSAGES" / "messages.po"


def install(app: Flask) -> None:
    """Pages in the language that the visitor chose or the browser asks for, else Chinese."""
    _Languages().init_app(app, default_locale="zh", locale_selector=chosen_language)


def chosen_language() -> str:
    """`zh` or `en`."""
    chosen: str = session.get("language", "")
    if chosen in LANGUAGES:
        return chosen
    return request.accept_languages.best_match(LANGUAGES, default="zh")


class _Languages(Babel):
    @cached_property
    def domain_instance(self) -> Domain:
        return _Catalogue()


class _Catalogue(Domain):
    def get_translations(self) -> NullTranslations:
        return _translations(str(get_locale()))


@cache
def _translations(language: str) -> NullTranslations:
    if language != "zh":
        return Translations()  # the sources' own words
    compiled = BytesIO()
    write_mo(compiled, written_catalogue())
    compiled.seek(0)
    return Translations(compiled)


def written_catalogue() -> Catalog:
    """The Chinese catalogue as it is written."""
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="zh", abort_invalid=True)
