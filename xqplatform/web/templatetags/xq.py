"""Tags that every template has without a load: how states, times, sizes, people's fields and lists look everywhere."""

from __future__ import annotations

import functools
import math
from datetime import datetime
from typing import Any

from django import template
from django.conf import settings
from django.core.paginator import Page
from django.forms import (
    BoundField,
    CheckboxInput,
    CheckboxSelectMultiple,
    FileInput,
    PasswordInput,
    RadioSelect,
    Select,
    SelectMultiple,
)
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from xqplatform.shares import share
from xqplatform.web.states import SHAPES, look

register = template.Library()

ICONS = settings.BASE_DIR / "static" / "vendor" / "icons"
# The four default environments have their own tones, as long as nobody chose another colour for them.
ENV_TONES = {"isolated": "isolated", "pre-release": "pre", "prerelease": "pre", "pre": "pre", "grey": "grey", "gray": "grey",
             "production": "production", "prod": "production"}  # fmt: skip

ENV_COLOURS = {"isolated": "azure", "pre": "indigo", "grey": "secondary"}  # as they are made


@functools.lru_cache(maxsize=512)
def _svg(name: str) -> str:
    """The inner drawing of a Tabler icon; an unknown name gives an empty circle, so that a page never breaks."""
    if not name.replace("-", "").isalnum():
        name = "circle"
    path = ICONS / f"{name}.svg"
    if not path.is_file():
        path = ICONS / "circle.svg"
    return path.read_text().strip()


register.simple_tag(share)


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """An inline SVG of static/vendor/icons; decorative, hidden from screen readers."""
    svg = _svg(str(name)).replace("<svg ", f'<svg class="icon {css}" aria-hidden="true" focusable="false" ', 1)
    return mark_safe(svg)  # noqa: S308  our own files


@register.simple_tag
def pill(state: Any, text: str = "", title: str = "") -> SafeString:
    """A state as shape + word + colour. `text` replaces the word, `title` is shown on hover."""
    shown = look(state)
    shape = mark_safe(SHAPES[shown.shape])  # noqa: S308  our own constants
    return format_html(
        '<span class="xq-pill tone-{}" data-state="{}"{}><svg viewBox="0 0 12 12" aria-hidden="true">{}</svg>'
        "<span>{}</span></span>",
        shown.tone,
        state or "unknown",
        format_html(' title="{}"', title) if title else "",
        shape,
        text or shown.word,
    )


def ago_words(seconds: float) -> str:
    """«3 min ago», «in 2 h»: one unit, as short as it reads."""
    future, s = seconds < 0, abs(seconds)
    if s < 5:
        return _("now")
    if s < 60:
        amount = _("%(n)d s") % {"n": s}
    elif s < 3600:
        amount = _("%(n)d min") % {"n": s // 60}
    elif s < 86400:
        amount = _("%(n)d h") % {"n": s // 3600}
    elif s < 86400 * 60:
        days = int(s // 86400)
        amount = ngettext("%(n)d day", "%(n)d days", days) % {"n": days}
    elif s < 86400 * 700:
        months = int(s // (86400 * 30.44))
        amount = ngettext("%(n)d month", "%(n)d months", months) % {"n": months}
    else:
        years = int(s // (86400 * 365.25))
        amount = ngettext("%(n)d year", "%(n)d years", years) % {"n": years}
    return (_("in %(amount)s") if future else _("%(amount)s ago")) % {"amount": amount}


def exact(moment: datetime) -> str:
    """The moment in the viewer's zone, to the second, with the zone's name."""
    local = timezone.localtime(moment)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname() or ''}".strip()


@register.simple_tag
def ago(moment: datetime | None, otherwise: str = "–") -> SafeString | str:
    """Relative time, the exact one on hover; kept fresh by xq.js."""
    if not moment:
        return otherwise
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment)
    words = ago_words((timezone.now() - moment).total_seconds())
    return format_html(
        '<time class="xq-ago" datetime="{}" title="{}">{}</time>', moment.isoformat(), exact(moment), words
    )


@register.simple_tag
def at(moment: datetime | None, otherwise: str = "–") -> SafeString | str:
    """The exact time, for records and logs."""
    if not moment:
        return otherwise
    local = timezone.localtime(moment)
    return format_html(
        '<time class="xq-at" datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        exact(moment),
        f"{date_format(local, 'Y-m-d')} {local:%H:%M:%S}",
    )


@register.simple_tag
def size(count: float | None, otherwise: str = "–") -> str:
    """Bytes in the largest binary unit that keeps a digit before the point: 61.2 MiB."""
    if count is None or count == "":
        return otherwise
    value = float(count)
    if not math.isfinite(value):
        return otherwise
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(value) < 1024 or unit == "TiB":
            break
        value /= 1024
    number = f"{value:.0f}" if unit == "B" or abs(value) >= 100 else f"{value:.1f}".removesuffix(".0")
    return f"{number} {unit}"


@register.simple_tag
def duration(seconds: Any, otherwise: str = "–") -> str:
    """Seconds (or a timedelta) as two units at most: «850 ms», «12 s», «4 min 20 s», «3 h 5 min», «2 d 4 h»."""
    if seconds is None or seconds == "":
        return otherwise
    value = seconds.total_seconds() if hasattr(seconds, "total_seconds") else float(seconds)
    if value < 0:
        return otherwise
    if value < 1:
        return _("%(n)d ms") % {"n": round(value * 1000)}
    if value < 10:
        return _("%(n)s s") % {"n": f"{value:.1f}".removesuffix(".0")}
    whole = round(value)
    if whole < 60:
        return _("%(n)s s") % {"n": whole}
    if whole < 3600:
        big, rest, pattern = whole // 60, whole % 60, (_("%(a)d min %(b)d s"), _("%(a)d min"))
    elif whole < 86400:
        big, rest, pattern = whole // 3600, whole % 3600 // 60, (_("%(a)d h %(b)d min"), _("%(a)d h"))
    else:
        big, rest, pattern = whole // 86400, whole % 86400 // 3600, (_("%(a)d d %(b)d h"), _("%(a)d d"))
    return pattern[0 if rest else 1] % {"a": big, "b": rest}


def shorten(text: str, limit: int = 40) -> str:
    """The text cut in its middle, where names differ least."""
    if len(text) <= limit:
        return text
    head = (limit - 1 + 1) // 2
    tail = limit - 1 - head
    return f"{text[:head]}…{text[-tail:] if tail else ''}"


@register.simple_tag
def short(text: Any, limit: int = 40) -> SafeString | str:
    """A long name shortened in the middle, the whole on hover."""
    whole = "" if text is None else str(text)
    if len(whole) <= limit:
        return whole
    return format_html('<span class="xq-short" title="{}">{}</span>', whole, shorten(whole, limit))


@register.simple_tag
def copy(text: Any, shown: Any = None) -> SafeString:
    """Text in monospace with a copy button: ids, addresses, commands."""
    return format_html(
        '<span class="xq-copy"><code title="{}">{}</code><button type="button" data-copy="{}" title="{}" aria-label="{}">{}'
        "</button></span>",
        text,
        shown or text,
        text,
        _("Copy"),
        _("Copy"),
        icon("copy"),
    )


@register.simple_tag
def empty_state(icon_name: str, title: str, text: str = "", url: str = "", action: str = "") -> SafeString:
    """What an empty list says: what would be here and what to do now."""
    button = format_html('<a class="btn btn-primary mt-3" href="{}">{}</a>', url, action) if url else ""
    return format_html(
        '<div class="xq-empty"><div class="xq-empty-icon">{}</div><p class="xq-empty-title">{}</p>'
        '<p class="xq-empty-text">{}</p>{}</div>',
        icon(icon_name),
        title,
        text,
        button,
    )


@register.simple_tag
def env_badge(environment: Any) -> SafeString:
    """The environment in its colour and word. Takes a row with `slug`/`name`, or a word."""
    if not environment:
        return mark_safe("")
    name = str(getattr(environment, "name", environment))
    if (get_language() or "").startswith("zh"):
        name = getattr(environment, "title_zh", "") or name
    return format_html('<span class="xq-env {}">{}</span>', env_tone(environment), name)


@register.simple_tag
def env_tone(environment: Any) -> str:
    """The colour classes of an environment, for the frame of a page: `env-production`, `env-other env-c-teal`."""
    if getattr(environment, "production", False):
        return "env-production"  # whatever it is called
    slug = str(getattr(environment, "slug", None) or getattr(environment, "name", environment)).lower()
    tone = ENV_TONES.get(slug, "other")
    colour = str(getattr(environment, "colour", ""))
    if tone != "other" and tone != "production" and colour in {"", ENV_COLOURS[tone]}:
        return f"env-{tone}"
    if tone == "production" and not hasattr(environment, "production"):
        return "env-production"
    return f"env-other env-c-{colour}" if colour.isascii() and colour.isalpha() else "env-other"


@register.simple_tag
def field(bound: BoundField, css: str = "") -> SafeString:
    """A form field: label, input with Tabler's classes, help beside it, its error at it."""
    widget = bound.field.widget
    kind = "input"
    classes = "form-control"
    if isinstance(widget, CheckboxSelectMultiple | RadioSelect):
        kind, classes = "choices", "form-check-input"
    elif isinstance(widget, CheckboxInput):
        kind, classes = "check", "form-check-input"
    elif isinstance(widget, Select | SelectMultiple):
        classes = "form-select"
    elif isinstance(widget, FileInput):
        kind = "file"
    elif isinstance(widget, PasswordInput):
        kind = "password"
    if bound.errors:
        classes += " is-invalid"
    attrs: dict[str, str | bool] = {"class": f"{widget.attrs.get('class', '')} {classes} {css}".strip()}
    described = [f"{bound.id_for_label}_help"] if bound.help_text else []
    if bound.errors:
        described.append(f"{bound.id_for_label}_error")
        attrs["aria-invalid"] = "true"
    if described:
        attrs["aria-describedby"] = " ".join(described)
    if kind == "choices":
        control: Any = bound
    else:
        control = bound.as_widget(attrs=attrs)
    return mark_safe(  # noqa: S308  a template of ours
        render_to_string("web/_field.html", {"f": bound, "kind": kind, "control": control, "widget_attrs": attrs})
    )


def _with(request: HttpRequest, **changes: Any) -> str:
    """The query string of this page with some parameters changed; None removes one."""
    query = request.GET.copy()
    for key, value in changes.items():
        query.pop(key, None)
        if value is not None:
            query[key] = str(value)
    return f"?{query.urlencode()}"


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """This page's address with some parameters changed: `{% query state="failed" page=None %}`."""
    return _with(context["request"], **changes)


@register.inclusion_tag("web/_pager.html", takes_context=True)
def pager(context: dict[str, Any], page: Page | None) -> dict[str, Any]:
    """«51–100 of 1,204» with links; state stays in the URL."""
    request = context.get("request")
    if page is None or request is None:
        return {"page": None}
    last = page.paginator.num_pages
    numbers = sorted({1, last, *range(max(1, page.number - 1), min(last, page.number + 1) + 1)})
    links: list[dict[str, Any]] = []
    before = 0
    for number in numbers:
        if number - before > 1:
            links.append({"gap": True})
        links.append({"number": number, "url": _with(request, page=number), "here": number == page.number})
        before = number
    return {
        "page": page,
        "links": links,
        "previous": _with(request, page=page.number - 1) if page.has_previous() else None,
        "next": _with(request, page=page.number + 1) if page.has_next() else None,
    }


@register.simple_tag(takes_context=True)
def sort_link(context: dict[str, Any], name: str, label: str) -> SafeString:
    """A column head that sorts: first click ascending, second descending. Sort is in `?sort=name` or `?sort=-name`."""
    request = context["request"]
    table = context.get("table")
    current = request.GET.get("sort") or (getattr(table, "sort", "") if table is not None else "")
    up, down = current == name, current == f"-{name}"
    target = f"-{name}" if up else name
    arrow = icon("chevron-up" if up else "chevron-down") if up or down else icon("selector", "xq-sort-idle")
    return format_html(
        '<a class="xq-sort{}" href="{}"{}>{}{}</a>',
        " active" if up or down else "",
        _with(request, sort=target, page=None),
        mark_safe(f' aria-sort="{"ascending" if up else "descending"}"') if up or down else "",  # noqa: S308
        label,
        arrow,
    )


@register.filter
def get(mapping: Any, key: Any) -> Any:
    """`{{ mapping|get:key }}`; None when it is not there."""
    try:
        return mapping.get(key)
    except AttributeError:
        return None


@register.filter
def percent(part: Any, whole: Any) -> int:
    """Part of the whole as 0 to 100; 0 when the whole is nothing."""
    try:
        return max(0, min(100, round(100 * float(part) / float(whole))))
    except (TypeError, ValueError, ZeroDivisionError):
        return 0


@register.simple_tag
def event_sentence(event: Any) -> SafeString:
    """«wang changed the host h1», with a link to the object."""
    from xqplatform.audit import sentences

    if event.action in {"login", "logout"}:  # «wang signed in», not «wang signed in Wang»
        return format_html("<b>{}</b> {}", event.actor, sentences.verb(event))
    url = sentences.link(event)
    name = shorten(event.object_name, 60)
    thing = format_html('<a href="{}" title="{}">{}</a>', url, event.object_name, name) if url else name
    what, where = sentences.detail(event)
    if what:
        what = format_html(' «<a href="{}">{}</a>»', where, what) if where else format_html(" «{}»", what)
    return format_html("<b>{}</b> {} {}{}", event.actor, sentences.verb(event), thing, what)


@register.inclusion_tag("audit/_history.html")
def history(obj: Any, limit: int = 10) -> dict[str, Any]:
    """An object's own events, and those of what belongs to it."""
    from django.db.models import Q

    from xqplatform.audit.models import Event

    label, pk = obj._meta.label_lower, str(obj.pk)
    events = Event.objects.filter(Q(object_type=label, object_id=pk) | Q(parent_type=label, parent_id=pk))
    rows = list(events[: limit + 1])
    return {"events": rows[:limit], "more": len(rows) > limit, "object": f"{label}:{pk}"}
