"""Gunicorn's settings for an echo whose workers keep to a core each, as those of `points serve`."""

from ledger.cli.cores import choose_core as pre_fork
from ledger.cli.cores import keep_to_core as post_fork

__all__ = ["post_fork", "pre_fork"]
