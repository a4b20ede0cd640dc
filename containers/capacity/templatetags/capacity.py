"""What pages of capacity have in common."""

from __future__ import annotations

from django import template
from django.template import Context

from containers.capacity import tabs

register = template.Library()


@register.simple_tag(takes_context=True)
def capacity_tabs(context: Context) -> list[tabs.Tab]:
    """The pages that the reader may open."""
    return tabs.shown(context["request"].actor)
