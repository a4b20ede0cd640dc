"""The one read-only shell script that looks at a machine. It changes nothing, and runs on busybox and GNU tools alike.

Sections begin with a line `@@xq NAME`. Two parts: what the network namespace and the kernel tell (a helper container of the
host's network sees that, too), and what only the machine's own files and processes tell (needs SSH).
"""

from __future__ import annotations

SYSCTLS = (
    "net.ipv4.ip_forward",
    "net.bridge.bridge-nf-call-iptables",
    "net.bridge.bridge-nf-call-ip6tables",
    "net.bridge.bridge-nf-call-arptables",
    "net.netfilter.nf_conntrack_count",
    "net.netfilter.nf_conntrack_max",
)
SYSCTL_FILE = "/etc/sysctl.d/90-xqplatform.conf"
MODPROBE_FILE = "/etc/modprobe.d/xqplatform.conf"
DAEMON_FILE = "/etc/docker/daemon.json"

# Inside the helper there is only busybox, and no names for its programs.
BUSYBOX = """
for a in cat grep cut ip stat date readlink tr head sed uname; do eval "$a() { busybox $a \\"\\$@\\"; }"; done
"""

KERNEL = (
    """
LC_ALL=C; export LC_ALL; PATH=$PATH:/usr/sbin:/sbin; export PATH
s() { printf '\\n@@xq %s\\n' "$1"; }
s date; date +%s.%N
s sysctl; for k in """
    + " ".join(name.replace(".", "/") for name in SYSCTLS)
    + """; do
  [ -r /proc/sys/$k ] && echo "$k=$(cat /proc/sys/$k)"; done
s sysctl_bridge; [ -d /proc/sys/net/bridge ] && echo yes
s modules; if [ -r /proc/modules ]; then echo loaded; cut -d' ' -f1,3,4 /proc/modules; else echo none; fi
s tables; for f in /proc/net/ip_tables_names /proc/net/ip6_tables_names /proc/net/arp_tables_names; do
  [ -r $f ] && echo "$f"; done
s snmp; grep '^Tcp:' /proc/net/snmp
s dev; cat /proc/net/dev
s link; ip -d link show 2>/dev/null || ip link show 2>/dev/null
s addr; ip -o -4 addr show 2>/dev/null
s route; cat /proc/net/route
s swaps; cat /proc/swaps
s cgroups; cat /proc/cgroups
s uname; uname -r
"""
)

# A bind mount of the engine into the helper: the file system below is the data root's (see hosts/disk.py).
HELPER_SPACE = """
s space; stat -f -c '%S %b %a %c %d' /etc/hostname
s mount; grep ' /etc/hostname ' /proc/self/mountinfo
s end; date +%s.%N
"""

# $1: the engine's data root; $2: «known» when the engine has told of itself already.
MACHINE = (
    """
root=$1
f() { s "file $1"; if [ -r "$1" ]; then echo there; cat "$1"; elif [ -e "$1" ]; then echo closed; else echo none; fi; }
here=$(readlink /proc/self/ns/net)
s dockerd; for c in $(grep -lx dockerd /proc/[0-9]*/comm 2>/dev/null); do p=${c%/comm}
  [ "$(readlink $p/ns/net)" = "$here" ] && { args=$(tr '\\000' '\\n' < $p/cmdline); echo "$args"; break; }; done
conf=$(echo "$args" | sed -n -e 's/^--config-file=//p' -e '/^--config-file$/{n;p;}' | head -n 1)
conf=${conf:-"""
    + DAEMON_FILE
    + """}
s daemonpath; echo "$conf"
s daemon; if [ -r "$conf" ]; then echo there; cat "$conf"; elif [ -e "$conf" ]; then echo closed; else echo none; fi
cert=$(echo "$args" | sed -n -e 's/^--tlscert=//p' -e '/^--tlscert$/{n;p;}' | head -n 1)
[ -n "$cert" ] || cert=$(sed -n 's/.*"tlscert" *: *"\\([^"]*\\)".*/\\1/p' "$conf" 2>/dev/null | head -n 1)
s certificate; [ -n "$cert" ] && [ -r "$cert" ] && cat "$cert"
s modprobe; echo read; cat /lib/modprobe.d/*.conf /usr/lib/modprobe.d/*.conf /run/modprobe.d/*.conf /etc/modprobe.d/*.conf \\
  2>/dev/null | grep -E '^[[:space:]]*(blacklist|install)[[:space:]]'
f """
    + SYSCTL_FILE
    + """
f """
    + MODPROBE_FILE
    + """
s space; stat -f -c '%S %b %a %c %d' "$root" 2>/dev/null
s mounts; grep -Ev '^[^ ]+ [^ ]+ (overlay|proc|sysfs|cgroup2?|devpts|mqueue|nsfs|securityfs|tracefs|debugfs) ' /proc/self/mounts | head -n 300
s cgroupfs; stat -f -c '%t %T' /sys/fs/cgroup 2>/dev/null
s controllers; cat /sys/fs/cgroup/cgroup.controllers 2>/dev/null
s memsw; for x in /sys/fs/cgroup/memory/memory.memsw.usage_in_bytes /sys/fs/cgroup/system.slice/memory.swap.max; do
  [ -e $x ] && echo "$x"; done
s machineid; cat /etc/machine-id 2>/dev/null
s ssh; echo "$SSH_CONNECTION"
s info; if [ "$2" != known ] && command -v docker >/dev/null 2>&1; then
  if command -v timeout >/dev/null 2>&1; then timeout 10 docker info --format '{{json .}}' 2>/dev/null
  else docker info --format '{{json .}}' 2>/dev/null; fi; fi
s end; date +%s.%N
"""
)

OVER_SSH = KERNEL + MACHINE
IN_HELPER = BUSYBOX + KERNEL + HELPER_SPACE
