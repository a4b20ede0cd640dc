"""By which way something was done: all there are, each with the word for people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

VIAS = {
    "page": gettext_lazy("page"),
    "api": gettext_lazy("API"),
    "cli": gettext_lazy("command line"),
    "forge": gettext_lazy("a push to the repository"),
    "system": gettext_lazy("the platform itself"),
    "engine": gettext_lazy("the engine, past the platform"),
}
