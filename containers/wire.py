"""Before an address is used for the first time: is it on the wire already? Asked from the host that is to use it.

One helper a host asks for all new addresses of the release at once, while images are pulled and containers are made; a step
waits for the answer only before it starts its container.
"""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass, field

from django.db import connections

from containers.models import Step
from hosts import probe
from hosts.engine import EngineError, connect
from hosts.helper import NoHelper
from hosts.models import Host, Segment

log = logging.getLogger(__name__)
FIRST = 1.0  # seconds that the making of containers lets the question go first at most: it is what takes longest
SECONDS = 45.0  # that a step waits for an answer at most; then it goes on without


@dataclass
class Answer:
    """What a host heard: address → MAC of who answered. `why`: why nothing could be asked, in words."""

    # The question is on the wire, or there will be none; and: the answer is here.
    asking: threading.Event = field(default_factory=threading.Event)
    ready: threading.Event = field(default_factory=threading.Event)
    strangers: dict[str, str] = field(default_factory=dict)
    why: str = ""


class Wire:
    """The answers of one run of a release, asked for once a host."""

    def __init__(self, deployment: int) -> None:
        self._deployment = deployment
        self._lock = threading.Lock()
        self._answers: dict[int, Answer] = {}

    def ask(self, host: int) -> Answer:
        """The host's answer, which is filled in by a thread of its own within some 3 s; asked for once."""
        with self._lock:
            if host not in self._answers:
                self._answers[host] = Answer()
                work = (self._asked, host, self._answers[host])
                threading.Thread(target=copy_context().run, args=work, daemon=True).start()
            return self._answers[host]

    def _asked(self, host: int, answer: Answer) -> None:
        try:
            self._fill(host, answer)
        except Exception as error:  # a release does not end because of a question
            log.exception("New addresses of release %s could not be probed", self._deployment)
            answer.why = f"{type(error).__name__}: {error}"
        finally:
            answer.asking.set()
            answer.ready.set()
            connections.close_all()

    def _fill(self, host: int, answer: Answer) -> None:
        steps = Step.objects.filter(
            deployment=self._deployment,
            instance__host=host,
            instance__address__segment__probe=True,
            action=Step.Action.ADD,
            state__in=[Step.State.WAITING, *Step.IN_WORK],
        ).select_related("instance__address__segment")
        by_segment: dict[Segment, list[str]] = {}
        for address in [step.instance.address for step in steps]:
            if address is not None:
                by_segment.setdefault(address.segment, []).append(address.ip)
        try:
            with ExitStack() as tidy:  # the helpers go when the answer is known: steps wait for it
                for segment, ips in by_segment.items():
                    engine = connect(Host.objects.get(pk=host))
                    asked = probe.answers(engine, segment, ips, begun=answer.asking.set)
                    answer.strangers |= tidy.enter_context(asked)
                answer.ready.set()
        except (EngineError, NoHelper) as error:
            log.info("New addresses of release %s could not be probed: %s", self._deployment, error)
            answer.why = getattr(error, "words", "") or str(error)
