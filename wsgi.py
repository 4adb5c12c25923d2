"""The application for a WSGI server; settings come from the environment.

    gunicorn --worker-class ledger.cli.patience.PatientWorker --threads 32 wsgi:app

Import it once a worker, after the fork (gunicorn's default, without `--preload`): each process has
a publisher thread and database connections of its own.
"""

import atexit
import os

from api import create_app
from ledger.logs import configure_logging
from ledger.programme.delivery import Postman
from ledger.programme.jobs import Worker
from ledger.programme.people.inviting import Inviter
from ledger.tuning import tune_interpreter

configure_logging()
tune_interpreter()
app = create_app()
app.extensions["points"].start_publishing()
atexit.register(app.extensions["points trail"].close)
Worker(app.extensions["points"], app.extensions["points courier"]).start()
Inviter(app.extensions["points"]).start()
Postman.configured(app.extensions["points"], os.environ).start()
