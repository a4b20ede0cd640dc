"""The Prometheus text format, a family at a time; fast, because there are hundreds of thousands of lines. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from xqplatform.metrics.exporting.names import Family, known

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = Mapping[str, str]
Latest = Mapping[str, tuple[float, Mapping[str, float]]]
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def labels_text(labels: Labels) -> str:
    """`a="b",c="d"`, without the braces; empty values are no labels."""
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items() if value)


def head(family: Family) -> str:
    return f"# HELP {family.name} {family.help}\n# TYPE {family.name} {family.type}\n"


def own(family: Family, rows: Iterable[tuple[Labels, float]]) -> str:
    """A family of the platform's own."""
    lines = []
    for labels, value in rows:
        text = labels_text(labels)
        lines.append(f"{family.name}{{{text}}} {value:.17g}\n" if text else f"{family.name} {value:.17g}\n")
    return head(family) + "".join(lines)


def series(kind: str, latest: Latest, labels: Mapping[str, str]) -> Iterator[str]:
    """The newest values of all subjects of a kind, a piece a family. `labels`: by subject, as `labels_text`; who has none is left out."""
    groups: dict[tuple[str, ...], list[str]] = {}
    prefix = f"{kind}:"
    for subject, (_at, values) in latest.items():
        if subject.startswith(prefix) and subject in labels:
            groups.setdefault(tuple(values), []).append(subject)
    parts: dict[str, list[tuple[Family, list[str], Sequence[float]]]] = {}
    for names, subjects in groups.items():
        if not names:
            continue
        texts = [labels[subject] for subject in subjects]
        columns = zip(*(latest[subject][1].values() for subject in subjects), strict=True)
        for name, column in zip(names, columns, strict=True):
            family = known(kind, name)
            parts.setdefault(family.name, []).append((family, texts, column))
    for name in sorted(parts):
        yield head(parts[name][0][0]) + "".join(_lines(*part) for part in parts[name])
    stamp = Family(f"xq_{kind}_sample_timestamp_seconds", "When the newest sample was taken.")
    every = [subject for subjects in groups.values() for subject in subjects]
    if every:
        form = f"{stamp.name}{{%s}} %.2f\n"
        yield head(stamp) + "".join([form % (labels[subject], latest[subject][0]) for subject in every])


def _lines(family: Family, texts: list[str], column: Sequence[float]) -> str:
    if family.factor != 1.0:
        column = [value * family.factor for value in column]
    more = ""
    if family.label:
        more = f",{labels_text({family.label: family.device})}".replace("%", "%%")
    # Values are stored with 24 bits; twelve digits say them, and whole numbers of bytes, exactly enough.
    form = f"{family.name}{{%s{more}}} %.12g\n"
    return "".join(map(form.__mod__, zip(texts, column, strict=True)))
