"""What a page offers: the links on it, and the buttons that send something, with what their forms hold as they are shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

VOID = frozenset({"input", "br", "img", "meta", "link", "hr", "wbr", "source", "col"})
Fields = list[tuple[str, str]]


@dataclass
class Form:
    action: str
    post: bool
    identity: str
    fields: Fields = field(default_factory=list)


@dataclass(frozen=True)
class Press:
    """One button: where it sends, and what besides the form's fields."""

    action: str
    button: tuple[str, str]
    fields: tuple[tuple[str, str], ...]

    @property
    def data(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in (*self.fields, self.button):
            if name:
                found.setdefault(name, []).append(value)
        return found


class Offers(HTMLParser):
    """Links and presses of one page, those within the platform."""

    def __init__(self, page: str, text: str) -> None:
        super().__init__()
        self.page, self.links = page, set[str]()
        self.forms: list[Form] = []
        self.buttons: list[tuple[Form | str, str, tuple[str, str]]] = []
        self.open: list[tuple[str, bool]] = []  # (tag, whether what is in it is disabled)
        self.inside: Form | None = None
        self.select: str | None = None
        self.multiple = False
        self.options: list[tuple[str, bool]] = []  # of the select that is being read: (value, whether it is chosen)
        self.text: str | None = None  # the name of the text field that is being read
        self.feed(text)
        self.links -= {""}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        disabled = "disabled" in given or any(off for _tag, off in self.open)
        if tag not in VOID:
            self.open.append((tag, "disabled" in given))
        if tag == "a" and given.get("href"):
            self.links.add(self.within(given["href"]))
        if given.get("hx-get"):
            self.links.add(self.within(given["hx-get"]))
        if tag == "form":
            action = self.within(given.get("action") or self.page)
            self.inside = Form(action, given.get("method", "get").lower() == "post", given.get("id", ""))
            self.forms.append(self.inside)
        elif tag == "button" and not disabled and given.get("type", "submit") == "submit":
            elsewhere = self.within(given["formaction"]) if given.get("formaction") else ""
            self.buttons.append((given.get("form") or self.inside or "", elsewhere, _named(given)))
        elif not disabled and self.inside is not None:
            self.field(tag, given)

    def field(self, tag: str, given: dict[str, str]) -> None:
        assert self.inside is not None
        name, value = _named(given)
        if tag == "input" and (given.get("type") not in {"checkbox", "radio", "file"} or "checked" in given):
            self.inside.fields.append((name, value))
        elif tag == "select":
            self.select, self.options = name, []
            self.multiple = "multiple" in given
        elif tag == "option" and self.select is not None:
            self.options.append((value, "selected" in given))
        elif tag == "textarea":
            self.text = name

    def handle_data(self, data: str) -> None:
        if self.text is not None and self.inside is not None:
            self.inside.fields.append((self.text, data))
            self.text = None

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass
        if tag == "form":
            self.inside = None
        if tag == "select":
            self.chosen()
        if tag == "textarea":
            self.text = None

    def chosen(self) -> None:
        """What a select sends: browsers take the first one where nothing is chosen."""
        found = [value for value, chosen in self.options if chosen]
        first = [] if self.multiple else [value for value, _chosen in self.options[:1]]
        if self.select is not None and self.inside is not None:
            self.inside.fields += [(self.select, value) for value in found or first]
        self.select = None

    def within(self, address: str) -> str:
        """The path, as seen from the page; empty for what leads elsewhere."""
        parts = urlsplit(urljoin(f"http://testserver{self.page}", address))
        return parts.path if parts.scheme == "http" and parts.netloc == "testserver" else ""

    def presses(self) -> list[Press]:
        found = []
        for where, elsewhere, button in self.buttons:
            form = next((one for one in self.forms if one is where or (one.identity and one.identity == where)), None)
            if form is not None and form.post and (elsewhere or form.action):
                found.append(Press(elsewhere or form.action, button, tuple(form.fields)))
        return found


def _named(given: dict[str, str]) -> tuple[str, str]:
    return given.get("name", ""), given.get("value", "")
