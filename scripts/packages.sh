#!/bin/sh
# Debian packages that the tests use: real engines, a registry, a browser, PostgreSQL. Installs what is missing where it may.
set -eu

missing=
need() { # package, then any one path that shows it is there
    package=$1; shift
    for path in "$@"; do [ -e "$path" ] && return 0; done
    missing="$missing $package"
}

need docker.io /usr/sbin/dockerd /usr/bin/dockerd
need docker-registry /usr/bin/docker-registry
need busybox-static /usr/share/doc/busybox-static
need iproute2 /sbin/ip /usr/sbin/ip /bin/ip
need iptables /usr/sbin/iptables /sbin/iptables
need chromium /usr/bin/chromium
need fonts-noto-cjk /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc
need gettext /usr/bin/msgfmt
need git /usr/bin/git
need openssh-client /usr/bin/ssh
need openssh-server /usr/sbin/sshd
need gawk /usr/bin/gawk
need mawk /usr/bin/mawk
need nginx-light /usr/sbin/nginx
need logrotate /usr/sbin/logrotate
need systemd /lib/systemd/systemd
need lxd /usr/sbin/lxd /usr/bin/lxd
need lxd-client /usr/bin/lxc
need btrfs-progs /usr/sbin/mkfs.btrfs /usr/bin/mkfs.btrfs /sbin/mkfs.btrfs /bin/mkfs.btrfs
need postgresql /usr/lib/postgresql/*/bin/initdb
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Tests that need$missing are left out or fail: install these packages as root to run all of them." >&2
    exit 0
fi

# A package must not start its service here: the tests bring up engines of their own.
policy=/usr/sbin/policy-rc.d
if [ ! -d /run/systemd/system ] && [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
echo "Installing$missing …"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # one word a package
apt-get install -y -q --no-install-recommends $missing >/tmp/xq-apt.log 2>&1 ||
    { apt-get update -q >/tmp/xq-apt.log 2>&1; apt-get install -y -q --no-install-recommends $missing >>/tmp/xq-apt.log 2>&1; } ||
    { tail -5 /tmp/xq-apt.log >&2; echo "Installing$missing failed: the tests that need them fail." >&2; }
