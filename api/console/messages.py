"""The console's messages as its sources have them, beside the catalogue of their translations.

After a text has changed:

.venv/bin/python -m api.console.messages

New messages then stand in the catalogue without a translation, which a test does not let pass.
"""

from __future__ import annotations

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from api.console.languages import CATALOGUE, HERE, written_catalogue

METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}


def wanted_catalogue() -> Catalog:
    """A catalogue of the messages that the sources have now, with the translations there are."""
    sources = Catalog()
    for file, _, message, _, context in extract_from_dir(HERE, METHODS, keywords=KEYWORDS):
        sources.add(message, locations=[(file, 0)], context=context)
    catalogue = written_catalogue()
    catalogue.update(sources, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    return catalogue


if __name__ == "__main__":
    catalogue = wanted_catalogue()  # read before the file is opened anew
    with CATALOGUE.open("wb") as opened:
        write_po(opened, catalogue, width=96, include_lineno=False, omit_header=True)
