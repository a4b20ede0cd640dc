"""Who has most of something (for now: of the hot rows)."""

from __future__ import annotations

from xqplatform.metrics import reading
from xqplatform.metrics.models import Subject


def top(metric: str, start: float, end: float, *, kind: str, n: int, by: str) -> list[tuple[str, float]]:
    subjects = list(Subject.objects.filter(name__startswith=f"{kind}:").values_list("name", flat=True))
    found = []
    for one in reading.series(subjects, [metric], start, end, 400):
        count = sum(p.count for p in one.points)
        mean = sum(p.avg * p.count for p in one.points) / count
        found.append((one.subject, max(p.max for p in one.points) if by == "max" else mean))
    return sorted(found, key=lambda pair: -pair[1])[:n]
