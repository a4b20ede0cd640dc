"""How bad a line is: what common programs write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.logs.levels import DEBUG, ERROR, FATAL, INFO, TRACE, UNKNOWN, WARN, continues, level_of


@pytest.mark.parametrize(
    ("text", "level"),
    [
        # plain words
        ("ERROR it broke", ERROR),
        ("error: it broke", ERROR),
        ("2026-01-01 10:00:00 warning: low disk", WARN),
        ("[debug] x", DEBUG),
        ("<info> y", INFO),
        ("0 errors, 3 warnings", UNKNOWN),
        ("no error was found", UNKNOWN),
        ("GET /error/ 200", UNKNOWN),
        ("GET /INFO 200", UNKNOWN),
        ("LEVEL=INFORMATION", UNKNOWN),
        ("my-ERROR-code", UNKNOWN),
        ("", UNKNOWN),
        # JSON
        ('{"level":"warn","msg":"ERROR in the text"}', WARN),
        ('{"severity":"ERROR","message":"x"}', ERROR),
        ('{"level":50,"msg":"pino"}', ERROR),
        ('{"level":30}', INFO),
        ('{"log":{"level":"debug"}}', DEBUG),
        ('{"log.level":"fatal"}', FATAL),
        ('{"lvl":"trace"}', TRACE),
        ('{"level":"notice"}', INFO),
        ('{"level":true}', UNKNOWN),
        ('{"broken', UNKNOWN),
        ('{"a":' * 5000, UNKNOWN),
        # logfmt
        ("time=2026-01-01T00:00:00Z level=info msg=hello", INFO),
        ('ts=1 lvl="eror" msg=x', ERROR),
        ("severity=CRITICAL x", FATAL),
        # Java
        ("2026-01-01 10:00:00,123 WARN  [main] com.snow.Quote: slow", WARN),
        ("10:00:00.123 [http-1] ERROR c.s.Quote - no answer", ERROR),
        ("Jan 01, 2026 10:00:00 AM com.snow.Quote main", UNKNOWN),
        ("SEVERE: no answer", ERROR),
        ('Exception in thread "main" java.lang.OutOfMemoryError', ERROR),
        ("java.lang.IllegalStateException: no price", ERROR),
        ("Caused by: java.io.IOException", ERROR),
        # Python
        ("2026-01-01 10:00:00,123 - snow - CRITICAL - over", FATAL),
        ("WARNING:root:low", WARN),
        ("Traceback (most recent call last):", ERROR),
        ("ValueError: no number", ERROR),
        # Go
        ("I0101 10:00:00.123456       1 main.go:12] ready", INFO),
        ("E0101 10:00:00.123456       1 main.go:12] broken", ERROR),
        ("panic: runtime error: index out of range", FATAL),
        ("2026-01-01T10:00:00Z\tINF\tready", INFO),
        # web servers, and others
        ("2026/01/01 10:00:00 [error] 7#7: *1 connect() failed", ERROR),
        ("[Thu Jan 01 10:00:00 2026] [warn] x", WARN),
        ("1:M 01 Jan 2026 10:00:00.000 * Ready to accept connections", UNKNOWN),
    ],
)
def test_levels(text: str, level: int) -> None:
    assert level_of(text) == level


@pytest.mark.parametrize(
    "text", ["\tat com.snow.Quote.get(Quote.java:12)", '  File "x.py", line 3', "... 12 more", "Caused by: x"]
)
def test_a_stack_trace_belongs_to_the_line_before(text: str) -> None:
    assert continues(text)


@given(st.text(max_size=2000))
def test_any_text_has_some_level(text: str) -> None:
    assert UNKNOWN <= level_of(text) <= FATAL
    continues(text)
