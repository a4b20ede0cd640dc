"""Listens to the engine calls of a running release, and stores them: every second, at a step's end, and at its own."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import replace

from django.db import transaction
from django.db.models import Max

from builds.registry import auth_of
from containers.config import parse
from containers.logs.text import plain
from containers.models import CallBlock, ConfigVersion, Deployment
from containers.recorder.book import Book, Entry, packed, unpacked
from containers.recorder.masks import LONGEST, bare, facts_of, hidden_values, masked
from containers.services.settings import secrets_of
from hosts.engine_calls import Call, heard

log = logging.getLogger(__name__)
EVERY = 1.0  # seconds


class Recorder:
    """Of one release. Whatever goes wrong with recording is logged, and never in the release's way."""

    def __init__(self, deployment: int) -> None:
        self.deployment = deployment
        self._lock = threading.Lock()
        self._book: Book | None = None
        self._early: list[Entry] = []
        self._written = time.monotonic()
        self._due = False
        self._hidden: list[str] | None = None

    def hearing(self, step: int = 0) -> AbstractContextManager[None]:
        """Calls of this thread are the step's meanwhile."""
        return heard(lambda call: self._add(step, call))

    def _add(self, step: int, call: Call) -> None:
        took = round(call.seconds * 1000)
        path, facts = bare(call.path), facts_of(call.params)
        words = plain(call.words)[: LONGEST * 4]
        entry = Entry(step, call.where, call.began, call.method, path, facts, call.status, took, took, words)
        with self._lock:
            self._early.append(entry)

    def soon(self) -> None:
        """Something ended: the next look stores what there is."""
        self._due = True

    def look(self) -> None:
        """Stores what was heard, at most once a second unless it is due."""
        if self._due or time.monotonic() - self._written >= EVERY:
            self.store()

    def store(self) -> None:
        """Stores what was heard since the last time."""
        self._due, self._written = False, time.monotonic()
        with self._lock:
            heard_now, self._early = self._early, []
        if not heard_now:
            return
        try:
            self._take(heard_now)
        except Exception:
            log.exception("Engine calls of release %s were not recorded", self.deployment)
            self._book = None  # what is stored is read again

    def _take(self, entries: Iterable[Entry]) -> None:
        book = self._book if self._book is not None else self._stored()
        self._book = book
        for entry in entries:
            book.add(entry)
        closed, rest = book.take()
        last = packed(map(self._clean, rest), book.left_out)
        with transaction.atomic():
            rows = CallBlock.objects.filter(deployment=self.deployment)
            if closed:
                number = (rows.aggregate(last=Max("number"))["last"] or 0) + 1
                CallBlock.objects.create(
                    deployment_id=self.deployment, number=number, data=packed(map(self._clean, closed))
                )
            if not rows.filter(number=0).update(data=last):
                CallBlock.objects.create(deployment_id=self.deployment, number=0, data=last)

    def _stored(self) -> Book:
        """A book that knows what an earlier run has stored."""
        book, stored, rest = Book(), [], []
        missing: Counter[tuple[int, str]] = Counter()
        for number, data in CallBlock.objects.filter(deployment=self.deployment).values_list("number", "data"):
            found, left_out = unpacked(data)
            if number:
                stored += found
            else:
                rest, missing = found, left_out
        book.go_on(stored, rest, missing)
        return book

    def _clean(self, entry: Entry) -> Entry:
        if not entry.words:
            return entry
        if self._hidden is None:
            self._hidden = hidden_of(self.deployment)
        return replace(entry, words=masked(entry.words, self._hidden)[:LONGEST])


def hidden_of(deployment: int) -> list[str]:
    """Values that no engine's words may show: variables and secrets of all its settings, registries' passwords."""
    plain_values = [v for version in _settings(deployment) for v in parse(version.content).env.values()]
    return hidden_values(secrets_in(deployment), plain_values)


def secrets_in(deployment: int) -> list[str]:
    """Secrets of all settings that the release knows, and its registries' passwords; each line of them, too."""
    found = [value for version in _settings(deployment) for value in secrets_of(version).values()]
    row = Deployment.objects.select_related("image__registry", "old_image__registry").get(pk=deployment)
    for image in (row.image, row.old_image):
        auth = auth_of(image.registry) if image is not None else None
        if auth is not None:
            found.append(auth.password)
    return hidden_values(found, [])


def _settings(deployment: int) -> Iterable[ConfigVersion]:
    row = Deployment.objects.get(pk=deployment)
    pairs = row.steps.values_list("config", "old_config")
    every = [row.config_id, row.old_config_id, *(pk for pair in pairs for pk in pair)]
    return ConfigVersion.objects.filter(pk__in={pk for pk in every if pk is not None})
