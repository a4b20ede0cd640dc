"""What is done on a front's machine: one reviewed script, with nothing of a service's in its words but a path and a text.

The file is put in place whole, and only if the whole configuration is good with it; else the old one stands again. A file of
a newer generation is never replaced. nginx reads it by a reload: its old workers finish what they have begun. The script
ends when no old worker takes new requests any more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SECONDS = 15  # until the new workers have taken over

# (The kernel's own list of a process's children leaves some out while others end: it cannot be used here.)
_WORKERS = r"""
workers() {
  for d in /proc/[0-9]*; do
    { read -r line <"$d/stat"; } 2>/dev/null || continue
    set -- ${line##*) }
    if [ "$2" = "$master" ]; then echo "${d#/proc/}"; fi
  done
}
leaving() { tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -q 'shutting down'; }
"""

APPLY = (
    _WORKERS
    + r"""
path=$1 generation=$2 size=$3 program=$4 conf=$5 pidfile=$6 seconds=$7
umask 022
mkdir -p "$(dirname "$path")" || exit 1
exec 9>"$path.lock" || exit 1
if command -v flock >/dev/null; then flock -w 30 9 || { echo "another change of it does not end"; exit 1; }; fi
new=$path.new; old=$path.old
cat >"$new" || exit 1
[ "$(wc -c <"$new")" -eq "$size" ] || { rm -f "$new"; echo "the text broke off"; exit 1; }
there=$(sed -n 's/^# generation \([0-9][0-9]*\)$/\1/p' "$path" 2>/dev/null | head -n 1)
if [ -n "$there" ] && [ "$there" -gt "$generation" ]; then rm -f "$new"; echo "xq-newer $there"; exit 0; fi
rm -f "$old"
[ ! -e "$path" ] || cp -p "$path" "$old" || exit 1
back() { if [ -e "$old" ]; then mv -f "$old" "$path"; else rm -f "$path"; fi; }
mv -f "$new" "$path" || exit 1
said=$("$program" -t -c "$conf" 2>&1) || { back; printf '%s\n' "$said"; echo "xq-back"; exit 3; }
master=$(cat "$pidfile" 2>/dev/null)
if [ -z "$master" ] || ! kill -0 "$master" 2>/dev/null; then
  rm -f "$old"; echo "xq-not-running"; exit 0
fi
before=" $(workers | tr '\n' ' ') "
kill -HUP "$master" || { back; echo "nginx cannot be told to read it"; exit 4; }
n=0; while [ $n -lt $((seconds * 20)) ]; do
  fresh=0 stale=0
  for w in $(workers); do
    case "$before" in
      *" $w "*) leaving "$w" || { [ -d "/proc/$w" ] && stale=1; };;
      *) fresh=1;;
    esac
  done
  [ $fresh = 1 ] && [ $stale = 0 ] && { rm -f "$old"; echo "xq-done"; exit 0; }
  kill -0 "$master" 2>/dev/null || { back; echo "nginx ended"; exit 5; }
  sleep 0.05; n=$((n + 1))
done
back
kill -HUP "$master" 2>/dev/null
echo "nginx did not take it up within $seconds s; see its error log"; exit 6
"""
)

DRAIN = (
    _WORKERS
    + r"""
pidfile=$1 seconds=$2
master=$(cat "$pidfile" 2>/dev/null)
[ -n "$master" ] || exit 0
old=; for w in $(workers); do leaving "$w" && old="$old $w"; done
n=0; while [ $n -lt $((seconds * 20)) ]; do
  left=0
  for w in $old; do leaving "$w" && left=$((left + 1)); done
  [ $left = 0 ] && { echo "xq-drained"; exit 0; }
  sleep 0.05; n=$((n + 1))
done
echo "xq-left $left"
"""
)


@dataclass(frozen=True)
class Answer:
    """What came of it. `what`: done | newer | not-running | failed; `words` of a newer one: its generation."""

    what: str
    words: str = ""


def read(code: int, out: str) -> Answer:
    """The answer of APPLY."""
    lines = out.strip().splitlines()
    last = lines[-1].strip() if lines else ""
    if code == 0 and last in {"xq-done", "xq-not-running"}:
        return Answer(last.removeprefix("xq-"))
    if code == 0 and re.fullmatch(r"xq-newer \d+", last):
        return Answer("newer", last.removeprefix("xq-newer "))
    words = "\n".join(line for line in lines if not line.startswith("xq-"))
    return Answer("failed", words[-2000:] or f"exit code {code}")
