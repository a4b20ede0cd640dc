"""How bad a log line is, from its text: words, JSON, logfmt, and what Java, Python, Go and web servers write. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

UNKNOWN, TRACE, DEBUG, INFO, WARN, ERROR, FATAL = range(7)
NAMES = ("", "trace", "debug", "info", "warn", "error", "fatal")
WORDS = {
    "trace": TRACE, "finest": TRACE, "finer": TRACE, "verbose": TRACE, "trc": TRACE,
    "debug": DEBUG, "fine": DEBUG, "dbg": DEBUG, "dbug": DEBUG,
    "info": INFO, "information": INFO, "informational": INFO, "notice": INFO, "config": INFO, "inf": INFO,
    "warn": WARN, "warning": WARN, "wrn": WARN,
    "error": ERROR, "err": ERROR, "eror": ERROR, "severe": ERROR, "fail": ERROR,
    "fatal": FATAL, "critical": FATAL, "crit": FATAL, "alert": FATAL, "emerg": FATAL, "emergency": FATAL,
    "panic": FATAL, "ftl": FATAL, "dpanic": FATAL,
}  # fmt: skip
KEYS = ("level", "severity", "lvl", "levelname", "loglevel", "log.level", "@level", "Level", "l")
LOOKED_AT = 400  # characters: a level stands at the beginning
JSON_MOST = 16 << 10
LOGFMT = re.compile(r'(?:^|[\s{,])"?(?:level|lvl|severity|levelname|log\.level)"?\s*[=:]\s*"?([A-Za-z]+)')
LOGFMT_SIGNS = ("level", "lvl", "severity")
KLOG = re.compile(r"([IWEF])\d{4} \d\d:\d\d:\d\d")
# A word counts when it is written as a level: in capitals, in brackets, or with a colon after it at the beginning.
# (Searches that begin with a set of signs are many times as fast as those that begin with many words.)
CAPITALS = re.compile(r"[A-Z]{3,8}")
NOT_BEFORE, NOT_AFTER = re.compile(r"[\w/.-]"), re.compile(r"[\w=-]")
BRACKETS = re.compile(r"[\[<(|]\s{0,3}([A-Za-z]{3,9})\s{0,3}[\]>)|]")
COLON = re.compile(r"^(?:[\d\-T:.,/ +Z\[\]]{0,40})?([A-Za-z]{3,9}):\s", re.ASCII)
BROKEN = re.compile(
    r"^(?:Traceback \(most recent call last\)|Exception in thread|Caused by: |panic: |fatal error: |goroutine \d+ \[|"
    r"(?:[a-z_$][\w$]*\.)+(?:[A-Z][\w$]*)?(?:Exception|Error)(?::|$)|[A-Z]\w*(?:Error|Exception)(?:: |$))"
)
CONTINUED = re.compile(r"^(?:[ \t]+\S|\.\.\. \d+ more|Caused by: |Suppressed: |at [\w.$<>]+\()")
GO_FATAL = ("panic: ", "fatal error: ")


def level_of(text: str) -> int:
    """The level that the line itself says; UNKNOWN where it says none."""
    if text[:1] == "{":
        found = _of_json(text)
        if found:
            return found
    text = text[:LOOKED_AT]
    klog = KLOG.match(text)
    if klog:
        return {"I": INFO, "W": WARN, "E": ERROR, "F": FATAL}[klog[1]]
    pair = LOGFMT.search(text) if any(sign in text for sign in LOGFMT_SIGNS) else None
    if pair and (level := WORDS.get(pair[1].lower(), UNKNOWN)):
        return level
    return _of_words(text)


def _of_words(text: str) -> int:
    for bracket in BRACKETS.finditer(text):
        if level := WORDS.get(bracket[1].lower(), UNKNOWN):
            return level
    for word in CAPITALS.finditer(text):
        level = WORDS.get(word[0].lower(), UNKNOWN)
        begin, end = word.span()
        if level and not (begin and NOT_BEFORE.match(text, begin - 1)) and not NOT_AFTER.match(text, end):
            return level
    colon = COLON.match(text)
    if colon and (level := WORDS.get(colon[1].lower(), UNKNOWN)):
        return level
    if BROKEN.match(text):
        return FATAL if text.startswith(GO_FATAL) else ERROR
    return UNKNOWN


def _of_json(text: str) -> int:
    fields = json_fields(text)
    for key in KEYS:
        value = fields.get(key)
        if isinstance(value, str) and value.lower() in WORDS:
            return WORDS[value.lower()]
        if isinstance(value, int) and not isinstance(value, bool):
            return _of_number(value)
    inner = fields.get("log")
    return _of_json_word(inner.get("level")) if isinstance(inner, dict) else UNKNOWN


def _of_json_word(value: Any) -> int:
    return WORDS.get(value.lower(), UNKNOWN) if isinstance(value, str) else UNKNOWN


def _of_number(value: int) -> int:
    """The numbers of bunyan and pino: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal."""
    return min(FATAL, value // 10) if 10 <= value < 70 else UNKNOWN


def json_fields(text: str) -> dict[str, Any]:
    """The line's JSON object; empty when it is none, or a very long one."""
    if text[:1] != "{" or len(text) > JSON_MOST:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def continues(text: str) -> bool:
    """Whether it belongs to the line before it: a stack trace's, an indented one."""
    return bool(CONTINUED.match(text))


def parse(word: str) -> int:
    """The lowest level that somebody asks for; UNKNOWN: all."""
    return WORDS.get(word.strip().lower(), UNKNOWN)
