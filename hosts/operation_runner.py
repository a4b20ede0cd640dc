"""Carries operations on: one worker thread an operation, which holds the row's lease, goes on after a death, and undoes."""

from __future__ import annotations

import json
import logging
import threading

from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hosts.models import HostOperation
from hosts.operations import KINDS, LEAVING, Cancelled, Failed, Interrupted, LeaseLost, Run, words_of
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.leases import take

__all__ = ["LEAVING", "execute"]
log = logging.getLogger(__name__)
TICK = 0.3  # seconds between two looks at what there is to write and whether somebody cancelled
MOST_ATTEMPTS = 6  # workers that may die over one operation


def execute(pk: int) -> bool:
    """Takes an operation up, if it is free, and works on it until it ends. Whether it ended here."""
    rows = HostOperation.objects.filter(pk=pk)
    lease = take(rows.filter(state__in=HostOperation.ACTIVE), rows)
    if lease is None:
        return False
    run = Run(rows.select_related("host").get(), lease)
    stop = threading.Event()
    beside = threading.Thread(target=_beside, args=(run, stop), name=f"operation-{pk}", daemon=True)
    beside.start()
    try:
        state, words = _work(run)
    except (LeaseLost, Interrupted):
        _leave(run)
        return False
    finally:
        stop.set()
        beside.join()
    try:
        _finish(run, state, words)
    except LeaseLost:
        return False
    return True


def _work(run: Run) -> tuple[str, str]:
    """State and words of its end. Raises LeaseLost or Interrupted when it did not end."""
    row, kind = run.row, KINDS.get(run.row.kind)
    again = row.attempts > 0
    run.write(state=HostOperation.State.RUNNING, started=row.started or timezone.now(), attempts=row.attempts + 1)
    if kind is None:
        return HostOperation.State.FAILED, _("There is no operation «%(kind)s» any more.") % {"kind": row.kind}
    if again:
        run.say(_("— Taken up again: the worker before went away —"))
    if row.undoing:
        cause = json.loads(run.remember("_cause", "[]"))
        run.replay = Cancelled() if not cause else Failed(cause[0])
    elif row.attempts > MOST_ATTEMPTS:
        return HostOperation.State.FAILED, _("Given up: %(n)s workers went away over it.") % {"n": MOST_ATTEMPTS}
    try:
        run.check()
        kind.body(run)
    except (LeaseLost, Interrupted):
        raise
    except Cancelled:
        return HostOperation.State.CANCELLED, _undo(run, None)
    except Exception as error:
        if not getattr(error, "words", None) and not isinstance(error, Failed):
            log.exception("Operation %s", row.pk)
        words = words_of(error)
        return HostOperation.State.FAILED, f"{words} {_undo(run, words)}".strip()
    return HostOperation.State.SUCCEEDED, run.row.words


def _undo(run: Run, cause: str | None) -> str:
    """Undoes what the body registered, the last first; in words what came of it."""
    run.remember("_cause", json.dumps([] if cause is None else [cause]))
    run.write(undoing=True)
    run.replay = None
    left = []
    for number, (undo, text) in reversed(list(enumerate(run.undo))):
        what = text or _("Undo step %(n)s") % {"n": number + 1}
        try:
            with run.step(f"undo-{number}", what):
                undo()
        except (LeaseLost, Interrupted):
            raise
        except Exception as error:
            log.warning("Operation %s: undoing failed", run.row.pk, exc_info=True)
            left.append(f"{what}: {words_of(error)}")
    if left:
        return _("Not undone: %(what)s") % {"what": "; ".join(left)}
    return _("What had been done was undone.") if run.undo else ""


def _finish(run: Run, state: str, words: str) -> None:
    run.flush()
    with transaction.atomic():
        run.write(
            state=state, words=words[:10_000], undoing=False, ended=timezone.now(), lease="", lease_until=None, notes=""
        )
        after = {
            "kind": run.row.kind,
            "title": run.row.title,
            "operation": run.row.pk,
            "state": state,
            "words": words[:500],
        }
        audit.record(Actor.system("operations"), "host.operation.finish", run.host, after=after)
        live.bump("operations")


def _leave(run: Run) -> None:
    """Lets go, so that the next worker takes it up at once."""
    try:
        run.flush()
    except (LeaseLost, DatabaseError):
        return
    run.lease.release()


def _beside(run: Run, stop: threading.Event) -> None:
    """Renews the lease, saves what was said, and sees a cancel, while the body works or waits."""
    try:
        while not stop.wait(TICK):
            try:
                if not run.lease.renew():
                    return
                run.flush()
                asked = HostOperation.objects.filter(pk=run.row.pk).values_list("ask_cancel", flat=True).first()
                run.cancel_asked = run.cancel_asked or bool(asked)
            except LeaseLost:
                return
            except DatabaseError as error:
                log.warning("Operation %s: the database is away: %s", run.row.pk, error)
    finally:
        connection.close()
