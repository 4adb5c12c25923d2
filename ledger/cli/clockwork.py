"""`points expire`, `points work` and `points clock`: what has to do with time."""

from __future__ import annotations

import signal

import click

from ledger.cli.place import chosen, environment, installed
from ledger.cli.terminal import Commands, actor_option, as_json, ledger_option, progress, tell
from ledger.journal.commands import StateOfAll
from ledger.journal.orders import Group, Order
from ledger.programme.channels import channels
from ledger.programme.courier import Courier
from ledger.programme.delivery import Postman
from ledger.programme.due import bring_forward, done_of
from ledger.programme.jobs import Worker
from ledger.programme.people.inviting import Inviter


@click.command(short_help="Enter what is due of quiet accounts now.")
@ledger_option
@as_json
def expire(name: str | None, as_json: bool) -> None:
    """Enter what is due of quiet accounts now: holds past their time, points past their day.

    Whatever is due is entered anyway before anything else happens to an account, so this may run
    late, twice, or never.

    \b
    Example, in a nightly crontab:
      points expire --ledger beiyuan
    """
    with installed() as installation, progress("accounts") as advance:
        ledger = chosen(installation, name)
        brought = bring_forward(installation, ledger, advance)
        ledger.publisher.publish()
        facts = {"ledger": ledger.name, **brought._asdict()}
    tell(f"{brought.entries} entries for {brought.accounts} accounts", facts, as_json)


@click.group(cls=Commands)
def clock() -> None:
    """The log's clock.

    \b
    Example:
      points clock accept --ledger beiyuan --actor person/…
    """


@clock.command(short_help="Vouch for the clock after a gap.")
@ledger_option
@actor_option
@as_json
def accept(name: str | None, actor: str, as_json: bool) -> None:
    """Vouch for the clock after a gap: enter the state of all accounts in the name of a person.

    After 31 days without an entry the ledger takes nothing else, so that a clock that jumped ahead
    is noticed. Compare this machine's time with another source first.

    \b
    Example:
      points clock accept --ledger beiyuan --actor person/…
    """
    with installed() as installation:
        ledger = chosen(installation, name)
        (outcome,) = ledger.appender.submit(Group((Order(command=StateOfAll(actor=actor)),)))
        done = done_of(outcome)
        ledger.publisher.publish()
        facts = {"ledger": ledger.name, "seq": done.last}
    tell(f"Entered as {done.last}: the clock is accepted.", facts, as_json)


@click.command(short_help="Do what time brings, now or for ever.")
@click.option("--once", is_flag=True, help="Do what is due now, then end.")
@as_json
def work(once: bool, as_json: bool) -> None:
    """Do what time brings to each ledger once on each of its days, until it is stopped.

    What is due of quiet accounts is entered, the state of all accounts is summed up, refusals of
    400 days ago are forgotten; each hour the audit trail is bound to the log, and what is kept of
    people whose invitation is over is erased. Whoever is to be invited is, and messages that wait
    are sent, outside of quiet hours.
    The service does this by itself; twice does no harm.

    \b
    Example, in a crontab where the service runs elsewhere:
      points work --once
    """
    with installed() as installation:
        environ = environment()
        courier = Courier(channels(environ))
        worker, inviter = Worker(installation, courier), Inviter(installation)
        postman = Postman.configured(installation, environ)
        if not once:
            for signal_number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(signal_number, lambda *_: worker.stop())
            installation.start_publishing()
            inviter.start()
            postman.start()
            worker.run()
            courier.wait()
            return
        done, batches, sent = worker.look(), inviter.look(), postman.look()
        courier.wait()
        for name in installation.names():
            installation.ledger(name).publisher.publish()
    lines = [f"{each.ledger}  {each.job:<8}{each.period}" for each in done]
    lines += [f"Lists of people invited: {batches}."] if batches else []
    lines += [f"Messages sent: {sent}."] if sent else []
    facts = {"done": [each._asdict() for each in done], "batches": batches, "sent": sent}
    tell("\n".join(lines) or "Nothing is due.", facts, as_json)
