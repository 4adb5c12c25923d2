"""Workbooks that tests make, whole ones and hostile ones."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import openpyxl

SHEET = "xl/worksheets/sheet1.xml"


def workbook(rows: Sequence[Sequence[Any]], **settings: Any) -> io.BytesIO:
    """A workbook as a spreadsheet program saves it; `settings` are of the workbook."""
    book = openpyxl.Workbook()
    for name, value in settings.items():
        setattr(book, name, value)
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file


def changed(file: io.BytesIO, parts: Mapping[str, str | bytes]) -> io.BytesIO:
    """The same package with these parts in it, in place of those of their names."""
    target = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, content in parts.items():
            new.writestr(name, content)
    return target


def sheet_xml(rows: str, before: str = "") -> str:
    """A worksheet with these rows, as XML."""
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'{before}<worksheet xmlns="{space}"><sheetData>{rows}</sheetData></worksheet>'
