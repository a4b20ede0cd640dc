"""Asks as somebody: pages with a session, the API with a token."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.test import Client
from django.urls import reverse

from tests.accounts import access_api
from tests.accounts.access_table import ROLES, Line, World
from xqplatform.accounts.models import Token
from xqplatform.audit.models import Event


@dataclass(frozen=True)
class Got:
    status: str  # `login` is a way to the log-in page
    denied: bool  # an event tells of an attempt
    text: str = ""


class Asking:
    def __init__(self, world: World) -> None:
        self.world = world
        self.pages: dict[str, Client] = {}
        self.api: dict[str, Client] = {}
        for role in ROLES:
            self.pages[role] = Client(raise_request_exception=False)
            heads = {}
            if role != "anonymous":
                person = world.who(role)
                self.pages[role].force_login(person)
                heads = {"Authorization": f"Bearer {Token.make(person, role)[1]}"}
            self.api[role] = Client(headers=heads, raise_request_exception=False)
        self.cookies = {role: client.cookies.output() for role, client in self.pages.items()}
        # One chain of middleware for all of them: each reads the list of static files anew.
        for client in (*self.pages.values(), *self.api.values()):
            client.handler = self.pages["anonymous"].handler

    def ask(self, role: str, line: Line) -> Got:
        if line.name.startswith("/"):
            body = access_api.body(self.world, f"{line.method} {line.name}")
            query = urlencode(line.data(self.world)) if "=@" in line.sent else line.sent
            return self.send(role, line.method, access_api.address(self.world, line.name, query), body, api=True)
        return self.send(role, line.method, reverse(line.name, kwargs=line.args(self.world)), line.data(self.world))

    def send(self, role: str, method: str, address: str, data: Any = None, *, api: bool = False) -> Got:
        client = (self.api if api else self.pages)[role]
        before = Event.objects.filter(denied=True).count()
        if api:
            body = json.dumps(data) if data is not None else ""
            answer: Any = client.generic(method, address, body, content_type="application/json")
        else:
            cookies = client.cookies.copy()
            send = {"GET": client.get, "POST": client.post}.get(method)
            answer = send(address, data or {}) if send else client.generic(method, address)
            client.cookies = cookies  # a log-out would end it for the lines that follow
        status = str(answer.status_code)
        if status == "302" and answer["Location"].startswith("/login/"):
            status = "login"
        text = "" if answer.streaming else answer.content.decode(errors="replace")[-600:]
        return Got(status, Event.objects.filter(denied=True).count() > before, text)
