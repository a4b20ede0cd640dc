"""Words and small drawings of the service pages."""

from __future__ import annotations

from typing import Any

from django import template
from django.forms import BoundField, Select
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from containers.contract import WORDS
from containers.logs.text import plain
from containers.models import Step
from containers.progress import Bar
from xqplatform.web.states import look
from xqplatform.web.templatetags.xq import duration, pill, shorten, size

register = template.Library()


@register.simple_tag
def small_field(bound: BoundField) -> SafeString:
    """The input of a form's field in a table: its label stands in the head, its error below."""
    select = isinstance(bound.field.widget, Select)
    css = ("form-select form-select-sm" if select else "form-control form-control-sm") + (
        " is-invalid" if bound.errors else ""
    )
    attrs: dict[str, str | bool] = {"class": css}
    if bound.errors:
        attrs |= {"aria-invalid": "true", "aria-describedby": f"{bound.id_for_label}_error"}
    return bound.as_widget(attrs=attrs)


@register.simple_tag
def state_word(state: str) -> str:
    return str(look(state).word)


@register.simple_tag
def action_word(action: str) -> str:
    return str(dict(Step.Action.choices).get(action, action))


@register.simple_tag
def version_word(tag: str) -> str:
    """The part of a tag that people know: hash and branch of `1445589786_fd63ea39_prod_java8V16`."""
    parts = str(tag).rsplit(":", 1)[-1].split("_")
    if len(parts) >= 4 and parts[0].isdigit():
        return f"{parts[1]} {shorten(parts[2], 18)}"
    return shorten(str(tag), 28)


@register.simple_tag
def version_change(old: str, new: str) -> SafeString:
    """Old → new, in as few words as tell them apart: branches only where they differ."""
    words = [version_word(tag) if tag else "–" for tag in (old, new)]
    (a, _x, branch), (b, _y, other) = (word.partition(" ") for word in words)
    if branch == other:
        words = [a, b]
    one = '<span class="mono nowrap" title="{}">{}</span>'
    return format_html(one + " → " + one, old or "", words[0], new or "", words[1])


@register.simple_tag
def gantt(bars: list[Bar] | None) -> SafeString:
    """The phases of one step as bars on the release's time line, each with its seconds on hover."""
    rects = format_html_join(
        "",
        '<rect class="bar-{}{}" x="{}" y="2" width="{}" height="12"><title>{} {}</title></rect>',
        (
            (b.phase, " open" if b.open else "", f"{b.left:.1f}", f"{b.width:.1f}", b.word, duration(b.seconds))
            for b in bars or []
        ),
    )
    label = ", ".join(f"{b.word} {duration(b.seconds)}" for b in bars or []) or _("not begun")
    return format_html(
        '<svg class="xq-gantt" viewBox="0 0 1000 16" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        label,
        rects,
    )


@register.simple_tag
def work_pill(state: str) -> SafeString:
    """The pill of a release or build: «running» is work under way there, not health."""
    return pill("active" if state == "running" else state)


@register.filter
def first_line(text: Any) -> str:
    """The first line of a commit message."""
    return str(text or "").strip().split("\n", 1)[0]


@register.filter
def magnitude(value: Any) -> Any:
    """A number without its sign."""
    return abs(value) if isinstance(value, int | float) else value


@register.simple_tag
def setting(value: Any, name: str = "") -> str:
    """A value of the settings as text: «–» for what is not there, memory with its unit."""
    if value is None or value == "" or value == [] or value == {}:
        return "–"
    if name == "memory" and isinstance(value, int | float):
        return size(value)
    if value is True:
        return _("yes")
    if value is False:
        return _("no")
    if isinstance(value, list):
        return "\n".join(setting(v, name) for v in value)
    if isinstance(value, dict):
        return " ".join(f"{k}={v}" for k, v in value.items())
    return str(value)


@register.filter
def plain_log(text: Any) -> str:
    """A stored log without colours and control signs."""
    return "\n".join(plain(line) for line in str(text or "").splitlines())


@register.simple_tag
def contract_words(contract: dict[str, Any]) -> str:
    """What of the runtime contract is not kept: «search domains: example.com instead of .»."""
    words = _("%(what)s: %(found)s instead of %(stored)s")
    return "; ".join(
        words % {"what": WORDS.get(c["name"], c["name"]), "found": c["observed"] or "–", "stored": c["expected"]}
        for c in contract.get("items", [])
        if c["ok"] is False
    )
