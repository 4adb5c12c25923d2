"""Tables from outside and for outside: XLSX and CSV, as rows of text.

`sheets.py` reads and writes them, `columns.py` finds the columns by their headers, `days.py` reads
days.
"""
