"""Small helpers that views about people share."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.errors import Refused


class ActorRequest(HttpRequest):
    """A request of someone who is signed in, as the middlewares leave it."""

    actor: Actor
    user: User
    request_id: str


def actor_of(request: HttpRequest) -> Actor:
    """Whoever asks over the API, as the middlewares leave it."""
    return request.actor  # type: ignore[attr-defined,no-any-return]


def put_refusal(form: forms.Form, refusal: Refused) -> None:
    """A verb's refusal beside the field that it names, or above the form."""
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
