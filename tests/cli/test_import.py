"""What a table of earnings may look like, and what is said of one that cannot be entered."""

import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.journal import tables as t
from tests.cli.conftest import CDNOW, Terminal
from tests.cli.test_import_cdnow import _account_of, _count

HEADER = "line,customer,date,items,dollars\n"
Written = Callable[[str], Path]


@pytest.fixture
def founded(terminal: Terminal) -> Terminal:
    terminal.found()
    return terminal


def _bad_rows(report: str) -> list[tuple[int, str]]:
    rows = list(csv.reader(io.StringIO(report)))
    assert rows[0] == ["line", "reason"]
    return [(int(line), reason) for line, reason in rows[1:]]


def test_bad_rows_are_told_by_line_and_reason_and_nothing_is_entered(
    founded: Terminal, written: Written, tmp_path: Path
) -> None:
    # Given a table in which every kind of fault occurs once
    faults = {
        3: ("2,00002,1997-13-12,1,12.00", "date is '1997-13-12', wanted a day such as 1997-01-31"),
        4: ("3,00002,2999-01-12,1,12.00", "date is 2999-01-12, which is yet to come"),
        5: ("4,00002,1996-12-31,1,12.00", "the budget is for 1997-01-01 to 2099-12-31"),
        6: ("5,00002,1997-01-12,1,twelve", "points are 'twelve', wanted a number such as 12"),
        7: ("6,00002,1997-01-12,1,-3.00", "points are earned here, not taken back"),
        8: ("7,00002,1997-01-12,1,9999999999999999", "more than one account can hold"),
        9: ("8,,1997-01-12,1,12.00", "account has 0 characters, wanted 1 to 100"),
        10: (f"9,{'x' * 101},1997-01-12,1,12.00", "account has 101 characters, wanted 1 to 100"),
        11: ("10,a\x07b,1997-01-12,1,12.00", "a character that cannot be printed"),
        12: ("11,00002,1997-01-12,12.00", "it has 4 cells, the header has 5"),
        13: ('12,00002,1997-01-12,1,"1,200.00"', "points are '1,200.00', wanted a number"),
    }
    good = "1,00001,1997-01-01,1,11.77\n"
    file = written(HEADER + good + "".join(f"{row}\n" for row, _ in faults.values()))
    report = tmp_path / "bad.csv"
    # When it is imported
    result = founded(*founded.importing(file, "--report", report), exits=1)
    # Then each is told, and nothing is entered
    told = _bad_rows(report.read_text())
    assert [line for line, _ in told] == list(faults)
    for (_, reason), (_, wanted) in zip(told, faults.values(), strict=True):
        assert wanted in reason
    assert "11 of 12 rows cannot be entered, so none was" in result.stderr
    assert _count(founded, t.entry) == 5
    # But with --skip-bad the good one is
    facts = founded.facts(*founded.importing(file, "--skip-bad", "--report", report))
    assert (facts["imported"], facts["bad"], facts["points"]) == (1, 11, 11)
    assert _account_of(founded, "00001").balance == 11


def test_check_enters_nothing(founded: Terminal) -> None:
    facts = founded.facts(*founded.importing(CDNOW, "--check"))
    assert (facts["rows"], facts["zero"], facts["bad"], facts["imported"]) == (69_659, 80, 0, 0)
    assert _count(founded, t.entry) == 5


def test_without_a_report_file_bad_rows_go_to_stdout_or_beside_json_to_stderr(
    founded: Terminal, written: Written
) -> None:
    file = written(HEADER + "1,00001,1997-01-01,1,none\n")
    told = "line,reason\n2,\"points are 'none', wanted a number such as 12 or 12.50\"\n"
    assert founded(*founded.importing(file), exits=1).stdout == told
    assert founded(*founded.importing(file, "--skip-bad")).stdout == told
    result = founded(*founded.importing(file, "--json"), exits=1)
    assert result.stdout.startswith("{")
    assert result.stderr.startswith(told)


def test_above_the_grant_limit_an_approver_is_needed(founded: Terminal, written: Written) -> None:
    # Given a row of more points than one person may grant
    file = written(HEADER + "1,00001,1997-01-01,1,1000.00\n2,00001,1997-01-02,1,1001.00\n")
    actor, approver = founded.people
    alone = ("import", file, "--source", "cdnow", "--actor", actor, "--map")
    columns = "account=customer,points=dollars:floor,date=date"
    # Then one person alone cannot enter it, and two can
    assert "above the grant limit of 1000" in founded(*alone, columns, exits=1).stdout
    assert founded.facts(*alone, columns, "--approver", approver)["points"] == 2_001


def test_names_of_rare_characters_are_taken_in_whichever_form(
    founded: Terminal, written: Written
) -> None:
    # Given rows of who has a character of Unicode 15.1, a private one, or a letter in two forms
    names = ("\U0002ebf0三", "\ue863英", "Jos\xe9", "Jose\u0301")
    rows = "".join(f"{name},1997-01-01,{points}\n" for points, name in enumerate(names, 1))

    facts = founded.facts(*founded.importing(written("customer,date,dollars\n" + rows)))

    # Then all are entered, and both forms are one account
    assert (facts["imported"], facts["accounts_opened"]) == (4, 3)
    assert [_account_of(founded, name).balance for name in names] == [1, 2, 7, 7]


def test_equal_rows_are_as_many_earnings_and_stay_so(founded: Terminal, written: Written) -> None:
    # Given three rows of which two are equal, and no reference
    rows = "customer,date,dollars\nann,1997-01-01,5\nann,1997-01-01,5\nann,1997-01-02,5\n"
    assert founded.facts(*founded.importing(written(rows)))["imported"] == 3
    # When the table comes again with another equal row
    told = founded.facts(*founded.importing(written(rows + "ann,1997-01-01,5\n")))
    # Then only that one is entered
    assert (told["imported"], told["already"]) == (1, 3)
    assert _account_of(founded, "ann").balance == 20


def test_a_row_is_known_by_its_reference_where_it_has_one(
    founded: Terminal, written: Written
) -> None:
    # Given a table whose rows have references
    mapped = "reference=line,account=customer,points=dollars:floor,date=date"
    first = "1,ann,1997-01-01,1,5.00\n"
    founded(*founded.importing(written(HEADER + first), columns=mapped))
    # When the same reference comes with other points, or twice, then that is a fault
    changed = written(HEADER + "1,ann,1997-01-01,1,6.00\n")
    told = founded(*founded.importing(changed, columns=mapped), exits=1).stdout
    assert _bad_rows(told)[0] == (
        2,
        "it was imported before with another account, date, last day or number of points",
    )
    twice = written(HEADER + first + "2,bob,1997-01-01,1,7.00\n2,bob,1997-01-01,1,7.00\n")
    told = founded(*founded.importing(twice, columns=mapped), exits=1).stdout
    assert "4,\"an earlier row has the same reference, '2'\"" in told
    # And a row whose other columns changed is the same row
    same = written(HEADER + "1,ann,1997-01-01,99,5.00\n")
    assert founded.facts(*founded.importing(same, columns=mapped))["already"] == 1


def test_points_are_whole_unless_told_how_to_make_them_so(
    founded: Terminal, written: Written
) -> None:
    file = written("who,on,points\nann,1997-01-01,2.50\nann,1997-01-02,3.00\n")
    told = founded(*founded.importing(file, columns="account=who,points=points,date=on"), exits=1)
    assert "points are '2.50', not whole" in told.stdout
    rounded = "account=who,points=points:round,date=on"
    assert founded.facts(*founded.importing(file, columns=rounded))["points"] == 6


def test_points_may_have_a_last_day(founded: Terminal, written: Written) -> None:
    columns = "account=who,points=points,date=on,valid_until=until"
    past = written("who,on,points,until\nann,1997-01-01,2,1998-01-01\n")
    told = founded(*founded.importing(past, columns=columns), exits=1).stdout
    assert "valid_until is 1998-01-01, which is past" in told
    file = written("who,on,points,until\nann,1997-01-01,2,2098-01-01\nann,1997-01-01,3,\n")
    assert founded.facts(*founded.importing(file, columns=columns))["imported"] == 2
    assert _account_of(founded, "ann").dated == '[["2098-01-01",2]]'


def test_a_row_the_book_refused_is_tried_anew(founded: Terminal, written: Written) -> None:
    # Given rows with 65 last days for one account, which holds 64
    columns = "account=who,points=points,date=on,valid_until=until"
    days = [f"209{year}-{month:02}-01" for year in range(6) for month in range(1, 13)][:65]
    file = written("who,on,points,until\n" + "".join(f"ann,1997-01-01,1,{day}\n" for day in days))
    # Then the last one is refused, and told
    result = founded(*founded.importing(file, columns=columns), exits=1)
    assert "the ledger refused 1 row," in result.stderr
    assert _bad_rows(result.stdout)[0][0] == 66
    # And it is tried again, not taken for done
    again = founded.facts(*founded.importing(file, columns=columns), exits=1)
    assert (again["already"], again["imported"], again["refused"]) == (64, 0, 1)


def test_a_budget_that_is_too_small_stops_the_import_before_it_begins(
    terminal: Terminal, written: Written
) -> None:
    terminal.founded = terminal.facts(
        *("init", "beiyuan", "--budget-limit", "10"),
        *("--budget-from", "1997-01-01", "--budget-to", "2099-12-31"),
    )
    file = written(HEADER + "1,ann,1997-01-01,1,6.00\n2,ann,1997-01-02,1,5.00\n")
    assert "are worth 11 points, the budget has 10 left" in terminal.complaint(
        *terminal.importing(file)
    )
    assert _count(terminal, t.entry) == 5


def test_who_may_not_import_is_told_so(founded: Terminal, written: Written) -> None:
    file = written(HEADER + "1,ann,1997-01-01,1,6.00\n")
    actor, _ = founded.people
    nobody = "person/" + "a" * 26
    words = (
        "import",
        file,
        "--source",
        "cdnow",
        "--map",
        "account=customer,points=items,date=date",
    )
    told = founded.complaint(*words, "--actor", nobody)
    assert "is nobody of standing office" in told
    told = founded.complaint(*words, "--actor", actor, "--approver", actor)
    assert "another person than the actor" in told
    told = founded.complaint(*words, "--actor", actor, "--budget", "issuer/" + "a" * 26)
    assert "There is no budget" in told


def test_what_is_no_table_is_refused_by_one_sentence(
    founded: Terminal, written: Written, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    packed = CDNOW.read_bytes()
    files = {
        "is empty": b"",
        "line 2 is not in UTF-8": HEADER.encode() + "1,安晓禾,1997-01-01,1,5\n".encode("gbk"),
        "damaged or incomplete gzip file": packed[: len(packed) // 2],
        "damaged or incomplete gzip": packed[:-4] + b"\0\0\0\0",
        "has no column 'customer'; it has PK": b"PK\x03\x04 not a table\n",
        "longer than 65,536 characters": HEADER.encode() + b"x" * 70_000,
        "this is not CSV": HEADER.encode() + b'1,"ann"x,1997-01-01,1,5\n',
        "two columns called 'date'": b"customer,date,date,dollars\n",
        "this is not CSV (field larger": HEADER.encode() + b'1,"' + b"\n" * 140_000,
    }
    for sentence, content in files.items():
        path.write_bytes(content)
        assert sentence in founded.complaint(*founded.importing(path)), sentence
    assert _count(founded, t.entry) == 5


def test_a_table_may_be_gzipped_and_have_a_byte_order_mark(
    founded: Terminal, tmp_path: Path
) -> None:
    path = tmp_path / "table"
    path.write_bytes(
        gzip.compress(b"\xef\xbb\xbf" + f"{HEADER}\r\n1,安晓禾,1997-01-01,1,5\r\n".encode())
    )
    assert founded.facts(*founded.importing(path))["imported"] == 1
    assert _account_of(founded, "安晓禾").balance == 5


def test_a_table_without_rows_is_imported_by_doing_nothing(
    founded: Terminal, written: Written
) -> None:
    assert founded.facts(*founded.importing(written(HEADER)))["rows"] == 0


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ("account=customer,date=date", "lacks points="),
        ("account=customer,points=dollars,date=date,colour=red", "says 'colour=red'"),
        ("account=customer,account=line,points=dollars,date=date", "says 'account=line'"),
        ("account=customer,points=euros,date=date", "has no column 'euros'"),
        ("account=customer,points=dollars:up,date=date", "has no column 'dollars:up'"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(
    founded: Terminal, written: Written, columns: str, sentence: str
) -> None:
    file = written(HEADER + "1,ann,1997-01-01,1,6.00\n")
    assert sentence in founded.complaint(*founded.importing(file, columns=columns))


def test_a_source_has_a_plain_name(founded: Terminal, written: Written) -> None:
    words = list(founded.importing(written(HEADER)))
    words[words.index("cdnow")] = "The Old System"
    assert "A source cannot be called 'The Old System'" in founded.complaint(*words)
