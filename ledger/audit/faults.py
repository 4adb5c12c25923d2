"""What an auditor's tools find wrong.

    PointsError
    ├── ExportFault        export         a bundle cannot be written where one wants it
    ├── BundleFault        bundle         a bundle is not one, or does not hold what it should
    ├── ReceiptFault       receipt        a receipt is not one, or does not prove its entry
    ├── RestoreFault       restore        a bundle contradicts what it is to be restored into
    ├── BalanceFault       balance-proof  a balance proof is not one, or does not prove its balance
    └── WorkersLost        workers        a process that helped to verify was ended from outside

A fault names the first thing that is wrong: the file, the entry, the rule, what was got and what
was wanted. `str()` of it is one sentence for a person; the fields are for programs.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from ledger.errors import PointsError


class ExportFault(PointsError):
    """A bundle cannot be written: the target is there already, or cannot be made."""

    code: ClassVar[str] = "export"


class BundleFault(PointsError):
    """A bundle is refused.

    `file` is the file in the bundle (None: the bundle as a whole), `seq` the entry and `rule` the
    rule of the book (`journal/rules.py`), where there is one.
    """

    code: ClassVar[str] = "bundle"

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        seq: int | None = None,
        rule: str | None = None,
    ) -> None:
        super().__init__(message)
        self.file = file
        self.seq = seq
        self.rule = rule

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(BundleFault, file=self.file, seq=self.seq, rule=self.rule), self.args

    def to_json(self) -> dict[str, object]:
        """The fault as a JSON object: `message`, and `file`, `seq`, `rule` where there is one."""
        found = {"message": str(self), "file": self.file, "seq": self.seq, "rule": self.rule}
        return {name: value for name, value in found.items() if value is not None}


class RestoreFault(PointsError):
    """A database cannot be rolled forward by a bundle: one contradicts the other."""

    code: ClassVar[str] = "restore"


class ReceiptFault(PointsError):
    """A receipt is refused."""

    code: ClassVar[str] = "receipt"


class BalanceFault(PointsError):
    """A balance proof is refused."""

    code: ClassVar[str] = "balance-proof"


class WorkersLost(PointsError):
    """Verifying on several cores was cut short: it says nothing of the bundle."""

    code: ClassVar[str] = "workers"
