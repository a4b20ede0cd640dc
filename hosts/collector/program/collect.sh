# The collector's clock: once a tick it names the containers' cgroups to collect.awk, which reads everything. It needs only
# busybox. CGROUP, PROC, SYS, ROOT: where the host's trees are seen; INTERVAL: seconds; VERSION: of this program.
# As a process of the host (over SSH; hosts/collector/process.py writes what is before this): BROTHER is the process of one of the
# engine's containers, PROGRAM is collect.awk's text, AWK_TOOL and BUSYBOX (empty: none) what the machine has.
CGROUP=${CGROUP:-/host/cgroup} PROC=${PROC:-/proc} SYS=${SYS:-/sys} INTERVAL=${INTERVAL:-10} ROOT=${ROOT-/host/root}
BUSYBOX=${BUSYBOX-busybox}
export CGROUP PROC SYS INTERVAL VERSION FILESYSTEMS ROOT BUSYBOX

# Whose brother am I? Containers of an engine have one parent in the tree, and so has this one.
LAYOUT=1
[ -f "$CGROUP/cgroup.controllers" ] && LAYOUT=2
own=
while IFS=: read -r number controllers path; do
  case $LAYOUT,$number,,$controllers, in
    2,0,*) own=$path ;;
    1,*,memory,*) own=$path ;;
  esac
done 2>/dev/null <"$PROC/${BROTHER:-self}/cgroup"
OWN=${own##*/} PARENT=${own%/*}
# The engine's shim is the parent process: it lives in the engine's network, whatever network this container has.
SHIM=1
while read -r key value; do
  case $key in PPid:) SHIM=$value ;; esac
done <"$PROC/self/status"
[ -r "$PROC/$SHIM/net/dev" ] || SHIM=1
if [ -n "$BROTHER" ]; then
  # None of them: the engine has none that runs, or it has just ended. Whoever reads asks again soon.
  [ -n "$own" ] || { PARENT=/unknown TICKS=${TICKS:-6}; }
  OWN=- SHIM=self
fi
tree=$CGROUP/memory$PARENT
[ $LAYOUT = 2 ] && tree=$CGROUP$PARENT
export LAYOUT OWN PARENT SHIM

# Hundredths of a second since the machine's start, without leading zeros (which would be octal).
uptime() {
  read -r up _ <"$PROC/uptime"
  hundredths=1${up%.*}${up#*.}
  power=1
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    [ $power -gt $((hundredths / 10)) ] && break
    power=$((power * 10))
  done
  hundredths=$((hundredths - power))
}

# A pause without a process: a pipe that nobody writes to. Only in a container, where it is nobody's file but this one's, and where
# it is seen to wait.
pipe=
if [ -z "$BROTHER" ] && $BUSYBOX mkfifo "/dev/shm/xq-tick.$$" 2>/dev/null; then
  exec 3<>"/dev/shm/xq-tick.$$"
  $BUSYBOX rm "/dev/shm/xq-tick.$$"
  uptime
  before=$hundredths
  read -t 0.1 _ 2>/dev/null <&3
  uptime
  [ $((hundredths - before)) -ge 8 ] && pipe=3
fi
pause() {
  if [ -n "$pipe" ]; then read -t "$1" _ <&3; else $BUSYBOX sleep "$1"; fi
}

count=0
while :; do
  [ $count = 0 ] && read -r clock _ <"$PROC/self/stat"
  uptime
  processes=-
  if [ $((count % 6)) = 0 ]; then
    set -- "$PROC"/[1-9]*/
    processes=$#
  fi
  echo "$up" "$processes" "$clock" "$tree"/*/
  count=$((count + 1))
  [ "$TICKS" = "$count" ] && break
  uptime
  length=$((INTERVAL * 100))
  rest=$((length - hundredths % length))
  [ $((rest % 100)) -lt 10 ] && part=0$((rest % 100)) || part=$((rest % 100))
  pause "$((rest / 100)).$part"
done | if [ -n "$PROGRAM" ]; then
  exec ${AWK_TOOL:-awk} "$PROGRAM"
else
  exec busybox awk -f "${AWK:-/bin/collect.awk}"
fi
