"""A browser's own words about itself as a person reads them. Pure."""

from __future__ import annotations

# The first that is found: browsers name those that they are like, too.
BROWSERS = [
    ("MicroMessenger/", "WeChat"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("python", "Python"),
]
SYSTEMS = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
]


def words(agent: str) -> str:
    """«Firefox, Linux»; what is not known as it came; empty for nothing."""
    found = [name for known in (BROWSERS, SYSTEMS) for name in [_first(agent, known)] if name]
    return ", ".join(found) or agent[:60]


def _first(agent: str, known: list[tuple[str, str]]) -> str:
    return next((name for mark, name in known if mark in agent), "")
