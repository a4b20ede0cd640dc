# One block of lines a tick: what the kernel's files say of the host and of every container beside this one, as they say it.
# The platform computes. A value that cannot be read is «-». hosts/collector/protocol.py has the meaning of each place.

function slurp(path,  text, line) {
  text = ""
  if (BY_LINES) {
    while ((getline line < path) > 0) text = text line "\n"
    close(path)
    return text
  }
  RS = "\001"
  if ((getline text < path) <= 0) text = ""
  close(path)
  RS = "\n"
  return text
}

function first(path,  line) {
  line = "-"
  if ((getline line < path) <= 0) line = "-"
  close(path)
  return line == "" ? "-" : line
}

function now(  f) { split(first(PROC "/uptime"), f, " "); return f[1] }

# The number behind a word.
function after(text, word,  at) {
  at = index(text, word)
  return at ? substr(text, at + length(word), 24) + 0 : "-"
}

function say(line) { block = block line "\n"; lines++ }

# --- The host ---------------------------------------------------------------------------------------------------------

function nic_names(text,  rows, n, i, name, found) {
  n = split(text, rows, "\n")
  found = ""
  for (i = 3; i <= n; i++) if (match(rows[i], /[^ :]+:/)) found = found " " substr(rows[i], RSTART, RLENGTH)
  return found
}

function host_network(  text, rows, n, i, f, name) {
  text = slurp(PROC "/" SHIM "/net/dev")
  host_nics = nic_names(text)
  n = split(text, rows, "\n")
  for (i = 3; i <= n; i++) {
    sub(/:/, " ", rows[i])
    if (split(rows[i], f, " ") < 17) continue
    name = f[1]
    if (name == "lo" || name ~ /^veth/ || (!f[2] && !f[10])) continue
    say("N " name " " f[2] " " f[3] " " f[4] " " f[5] " " f[10] " " f[11] " " f[12] " " f[13])
  }
}

# The kernel's words of a table of two lines (names, values), as in net/snmp.
function column(text, table, name,  rows, n, i, heads, values, h, k) {
  n = split(text, rows, "\n")
  for (i = 1; i < n; i++) {
    if (index(rows[i], table ":") != 1) continue
    h = split(rows[i], heads, " "); split(rows[i + 1], values, " ")
    for (k = 2; k <= h; k++) if (heads[k] == name) return values[k]
    return "-"
  }
  return "-"
}

function host_tcp(  text, heads, values, entries, most, rows) {
  text = slurp(PROC "/" SHIM "/net/snmp")
  entries = "-"
  if (split(slurp(PROC "/" SHIM "/net/stat/nf_conntrack"), rows, "\n") > 1) {
    split(rows[2], values, " ")
    entries = hex(values[1])
  }
  most = first(PROC "/sys/net/netfilter/nf_conntrack_max")
  say("T " column(text, "Tcp", "RetransSegs") " " column(text, "Tcp", "OutSegs") " " entries " " most)
}

function hex(text,  n, i) {
  n = 0
  for (i = 1; i <= length(text); i++) n = n * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
  return n
}

function host_disks(  text, rows, n, i, f) {
  n = split(slurp(PROC "/diskstats"), rows, "\n")
  for (i = 1; i <= n; i++) {
    if (split(rows[i], f, " ") < 14) continue
    device[f[1] ":" f[2]] = f[3]
    if (f[3] ~ /^(loop|ram|zram|fd|sr)[0-9]/) continue
    # Partitions are within their disk, which alone is in /sys/block.
    if (!(f[3] in whole)) whole[f[3]] = first(SYS "/block/" f[3] "/size") != "-"
    if (whole[f[3]]) say("D " f[3] " " f[6] " " f[10] " " f[4] " " f[8] " " f[13])
  }
}

function pressure(what,  text) {
  text = slurp(PROC "/pressure/" what)
  return match(text, /avg10=[0-9.]+/) ? substr(text, RSTART + 6, RLENGTH - 6) : "-"
}

function host_itself(  text, f, cpus, idle) {
  split(first(PROC "/stat"), f, " ")
  # user nice system irq softirq steal; idle and iowait. (guest is within user.)
  say("U " f[2] + f[3] + f[4] + f[7] + f[8] + f[9] " " f[5] + f[6])
  split(first(PROC "/loadavg"), f, " ")
  say("L " f[1] " " f[2] " " f[3] " " processes)
  text = "\n" slurp(PROC "/meminfo")
  say("M " after(text, "\nMemTotal:") " " after(text, "\nMemAvailable:") " " after(text, "\nMemFree:") " " \
    after(text, "\nBuffers:") " " after(text, "\nCached:") " " after(text, "\nSReclaimable:") " " \
    after(text, "\nSwapTotal:") " " after(text, "\nSwapFree:"))
  say("Q " pressure("cpu") " " pressure("memory") " " pressure("io"))
}

# File systems change slowly and cost a process: once in six ticks. Names that a shell could mistake are left out.
function host_filesystems(  rows, n, i, f, seen, paths, at, command, line, where, below) {
  if (tick % 6 == 1) {
    fs_lines = ""; paths = ""
    if (FILESYSTEMS != "") {
      n = split(FILESYSTEMS, rows, " ")
      for (i = 1; i <= n; i++) {
        at = index(rows[i], "=")
        where[substr(rows[i], at + 1)] = substr(rows[i], 1, at - 1)
        paths = paths " " substr(rows[i], at + 1)
      }
    } else {
      n = split(slurp(PROC "/self/mounts"), rows, "\n")
      for (i = 1; i <= n; i++) {
        split(rows[i], f, " ")
        if (substr(f[2], 1, length(ROOT)) != ROOT || f[1] ~ /^\/dev\/loop/ || f[1] in seen) continue
        below = substr(f[2], length(ROOT) + 1)
        if (below !~ /^(\/[A-Za-z0-9_.@+=,-]+)*\/?$/) continue
        if (f[1] !~ /^\/dev\// && f[3] !~ /^(zfs|btrfs|xfs|ext4)$/) continue
        seen[f[1]] = 1
        where[f[2]] = below == "" ? "/" : below
        paths = paths " " f[2]
      }
    }
    if (paths == "") return
    command = BUSYBOX " timeout 5 " BUSYBOX " stat -f -c '%i %S %b %f %a %c %d %n'" paths " 2>/dev/null"
    while ((command | getline line) > 0) {
      split(line, f, " ")
      if (f[1] in known_fs && known_fs[f[1]] != f[8]) continue
      known_fs[f[1]] = f[8]
      fs_lines = fs_lines "F " f[2] " " f[3] " " f[4] " " f[5] " " f[6] " " f[7] " " where[f[8]] "\n"
    }
    close(command)
  }
  n = split(fs_lines, rows, "\n")
  for (i = 1; i < n; i++) say(rows[i])
}

# --- A container ------------------------------------------------------------------------------------------------------

function started_of(number,  text) {
  text = slurp(PROC "/" number "/stat")
  if (text == "" || !match(text, /.*\) /)) return ""
  return split(substr(text, RLENGTH + 1), words, " ") >= 20 ? words[20] : ""
}

# Its first process, known again by its start; found anew when that has ended.
function find_process(id, folder,  numbers, n, i, text, f, began) {
  if (id in pid && (began = started_of(pid[id])) != "" && began == born[id]) return 1
  n = split(slurp(folder "/cgroup.procs"), numbers, "\n")
  delete pid[id]; delete rest[id]; delete cards[id]; delete shares[id]; delete held[id]; delete walked[id]; delete throttled[id]
  for (i = 1; i <= n && i <= 50; i++) {
    if (numbers[i] + 0 <= 0) continue
    text = slurp(PROC "/" numbers[i] "/status")
    # «NSpid: 4711 1»: seen from here and in its own name space, of which it is the first.
    if (match(text, /NSpid:[^\n]*/) && split(substr(text, RSTART, RLENGTH), f, " ") == 3 && f[3] == 1) {
      pid[id] = numbers[i]
      break
    }
    if (!(id in pid)) pid[id] = numbers[i]
  }
  if (!(id in pid) || (born[id] = started_of(pid[id])) == "") { delete pid[id]; return 0 }
  return 1
}

# Traffic of all its cards but lo. What shares the engine's own network has none of its own.
function network(id, text,  rows, n, i, f, s, k) {
  if (text == "") return "- - - - - - - -"
  if (text == cards[id]) return traffic[id]
  if (!(id in shares) || due(id)) shares[id] = pid[id] != SHIM && nic_names(text) == host_nics
  cards[id] = text
  if (shares[id]) return traffic[id] = "- - - - - - - -"
  n = split(text, rows, "\n")
  for (k = 1; k <= 8; k++) s[k] = 0
  for (i = 3; i <= n; i++) {
    sub(/:/, " ", rows[i])
    if (split(rows[i], f, " ") < 17 || f[1] == "lo") continue
    for (k = 1; k <= 4; k++) { s[k] += f[k + 1]; s[k + 4] += f[k + 9] }
  }
  return traffic[id] = s[1] " " s[2] " " s[3] " " s[4] " " s[5] " " s[6] " " s[7] " " s[8]
}

# Sockets by state. net/tcp costs a walk over the whole machine's table (milliseconds, for each name space): how many there
# are says sockstat, how many are established or wait to be closed says snmp; only the rest is counted, as far as credit goes,
# and not again while no segment came or went and there are as many as there were. `still`: nothing came or went at all.
function sockets(id, still,  base, text, current, values) {
  if (still && held[id] != "") return held[id]
  base = PROC "/" pid[id] "/net/"
  text = slurp(base "sockstat")
  if (!match(text, /TCP: inuse [0-9]+/)) { held[id] = ""; delete queue[id]; return "- - -" }
  ask_four[id] = after(text, "TCP: inuse ")
  waiting[id] = after(text, " tw ")
  ask_six[id] = after(slurp(base "sockstat6"), "TCP6: inuse ") + 0
  values = tcp_values(slurp(base "snmp"))
  current = CURRENT ? word(values, CURRENT) : "-"
  sockets_now[id] = ask_four[id] " " ask_six[id] " " values
  if (ask_four[id] + ask_six[id] == 0) { listen[id] = 0; closing[id] = 0; walked[id] = tick; counted[id] = sockets_now[id]; delete queue[id] }
  else if (!(id in walked)) queue[id] = -1
  else if (counted[id] != sockets_now[id]) queue[id] = walked[id]
  return held[id] = (ask_four[id] + ask_six[id]) " " current " " waiting[id]
}

function word(text, number,  f) { return split(text, f, " ") >= number ? f[number] : "-" }

# The line of numbers of net/snmp's table Tcp; which of them is which is the same for all.
function tcp_values(text,  at, rest, heads, n, i) {
  at = index(text, "Tcp: ")
  if (!at) return ""
  rest = substr(text, at, 700)
  if (!CURRENT) {
    n = split(substr(rest, 1, index(rest, "\n") - 1), heads, " ")
    for (i = 2; i <= n; i++) if (heads[i] == "CurrEstab") CURRENT = i
  }
  rest = substr(rest, index(rest, "\n") + 1)
  return substr(rest, 1, index(rest, "\n") - 1)
}

function states_of(id) { return (id in listen ? listen[id] : "-") " " (id in closing ? closing[id] : "-") }

function own_time(  text) {
  text = slurp(PROC "/self/stat")
  if (!match(text, /.*\) /)) return 0
  split(substr(text, RLENGTH + 1), words, " ")
  return words[12] + words[13]
}

function count_states(path,  line, f) {
  while ((getline line < path) > 0) {
    split(line, f, " ")
    if (f[4] == "0A") counted_listen++
    else if (f[4] == "08") counted_closing++
  }
  close(path)
}

# After the block is out, so that nothing waits for it: who was never looked at first, then who was looked at longest ago.
function walk(  id, best, before) {
  credit = credit + 1 > 20 ? 20 : credit + 1
  while (credit > 0) {
    best = ""
    for (id in queue) if (best == "" || queue[id] < queue[best]) best = id
    if (best == "") return
    if (walked[best] + 6 > tick && best in listen) return
    delete queue[best]
    before = own_time()
    counted_listen = 0; counted_closing = 0
    if (ask_four[best]) count_states(PROC "/" pid[best] "/net/tcp")
    if (ask_six[best]) count_states(PROC "/" pid[best] "/net/tcp6")
    listen[best] = counted_listen; closing[best] = counted_closing; walked[best] = tick; counted[best] = sockets_now[best]
    credit -= own_time() - before + 0.5
  }
}

# Kernels from 6.9 on count for version 1 only on disks for which some group has a limit: of others nothing is known, not nothing done.
function counts_blkio() { return slurp(CGROUP "/blkio/blkio.throttle.io_service_bytes") ~ /[0-9]:[0-9]/ }

# «8:0 Read 4096» lines by device: first bytes, then operations (which come and go with bytes).
function blkio_1(id, folder,  text, done, rows, n, i, f, k, found, key, order, count) {
  text = slurp(folder "/blkio.throttle.io_service_bytes")
  if (text == disk_text[id] && done_io[id] != "") return done_io[id]
  disk_text[id] = text
  count = 0
  for (k = 1; k <= 2; k++) {
    if (k == 2) text = slurp(folder "/blkio.throttle.io_serviced")
    if (text == "") return done_io[id] = "-"
    n = split(text, rows, "\n")
    for (i = 1; i <= n; i++) {
      if (split(rows[i], f, " ") != 3 || (f[2] != "Read" && f[2] != "Write")) continue
      if (!((f[1], "seen") in found)) { found[f[1], "seen"] = 1; order[++count] = f[1] }
      found[f[1], k, f[2]] = f[3]
    }
    if (!count) break
  }
  done = ""
  for (i = 1; i <= count; i++) {
    key = order[i]
    done = done " " (key in device ? device[key] : key) "," found[key, 1, "Read"] + 0 "," found[key, 1, "Write"] + 0 "," \
      found[key, 2, "Read"] + 0 "," found[key, 2, "Write"] + 0
  }
  return done_io[id] = count ? substr(done, 2) : blkio_counted ? "0" : "-"
}

function blkio_2(id, folder,  text, rows, n, i, f, done) {
  text = slurp(folder "/io.stat")
  if (text == "") return first(folder "/io.pressure") == "-" ? "-" : "0"
  if (text == disk_text[id] && done_io[id] != "") return done_io[id]
  disk_text[id] = text
  n = split(text, rows, "\n")
  done = ""
  for (i = 1; i <= n; i++) {
    if (!index(rows[i], "rbytes=")) continue
    split(rows[i], f, " ")
    done = done " " (f[1] in device ? device[f[1]] : f[1]) "," after(rows[i], "rbytes=") "," after(rows[i], "wbytes=") "," \
      after(rows[i], "rios=") "," after(rows[i], "wios=")
  }
  return done_io[id] = done == "" ? "0" : substr(done, 2)
}

# Once in six ticks a container is read as a whole, whatever it seems to do; not all of them in the same one.
function due(id) { return tick % 6 == turn[id] }

# Without swap the limit of both together is met first.
function failures(at,  one, both) {
  one = first(at "/memory.failcnt"); both = NO_SWAP ? "-" : first(at "/memory.memsw.failcnt")
  if (both == "-") NO_SWAP = 1
  return both == "-" ? one : one == "-" ? both : one + both
}

# A container of which no thread has run since the tick before (`still`: the kernel counts nanoseconds, version 2 microseconds)
# has begun and ended nothing, met no limit and written nothing. What others do to it is in its memory and its cards, which are
# looked at; TIME_WAIT passes by itself. Whose first process is another one has another group, whose counter begins anew.
function rests(id, cpu, usage, cards_now) {
  return id in rest && cpu == cpu_before[id] && usage == usage_before[id] && cards_now == cards[id] && !waiting[id] && !due(id)
}

function measure(id, name, folder,  cpu, usage, text, still) {
  if (!(id in turn)) turn[id] = ++known % 6
  cpu = cpu_of(name)
  if (!read_since++ || cpu != cpu_before[id]) moment = now()  # (where nothing ran there is no rate whose time would matter)
  usage = first(folder (LAYOUT == 2 ? "/memory.current" : "/memory.usage_in_bytes"))
  if (!(id in rest) || cpu != cpu_before[id] || due(id)) {
    if (!find_process(id, folder)) return
  }
  there[id] = tick
  text = slurp(PROC "/" pid[id] "/net/dev")
  if (!rests(id, cpu, usage, text)) {
    still = text != "" && text == cards[id] && !waiting[id] && !due(id) && id in rest
    rest[id] = LAYOUT == 2 ? version_2(id, folder, cpu, usage) : version_1(id, name, folder, cpu, usage)
    rest[id] = rest[id] " " network(id, text) " " sockets(id, still)
    if (LAYOUT == 1) disks_of[id] = blkio_1(id, CGROUP "/blkio" PARENT "/" name)
  }
  # Version 2 counts what is written back later, when nobody of the container runs any more.
  if (LAYOUT == 2) disks_of[id] = blkio_2(id, folder)
  cpu_before[id] = cpu; usage_before[id] = usage
  say("C " id " " moment " " rest[id] " " states_of(id) " " disks_of[id])
}

function cpu_of(name) {
  if (LAYOUT == 1) return first(CGROUP "/cpuacct" PARENT "/" name "/cpuacct.usage")
  cpu_stat = "\n" slurp(CGROUP PARENT "/" name "/cpu.stat")
  return thousand(after(cpu_stat, "\nusage_usec "))
}

function version_1(id, name, at, cpu, usage,  text, group) {
  group = CGROUP "/cpu" PARENT "/" name
  if (!(id in quota) || due(id)) {
    quota[id] = first(group "/cpu.cfs_quota_us") " " first(group "/cpu.cfs_period_us")
    limit[id] = first(at "/memory.limit_in_bytes")
    delete throttled[id]
  }
  if (!(id in throttled) || quota[id] !~ /^-1 /) {  # without a quota nothing is throttled
    text = slurp(group "/cpu.stat")
    throttled[id] = after(text, "nr_throttled ") " " after(text, "throttled_time ")
  }
  text = "\n" slurp(at "/memory.stat")
  return born[id] " " cpu " " throttled[id] " " quota[id] " " usage " " after(text, "\ntotal_cache ") " " \
    after(text, "\ntotal_inactive_file ") " " limit[id] " " failures(at) " " after("\n" slurp(at "/memory.oom_control"), "\noom_kill ") " " \
    first(CGROUP "/pids" PARENT "/" name "/pids.current")
}

function thousand(number) { return number == "-" || number == 0 ? number : number "000" }

function version_2(id, at, cpu, usage,  text, events) {
  if (!(id in quota) || due(id)) {
    quota[id] = first(at "/cpu.max")
    if (quota[id] == "-") quota[id] = "- -"
    limit[id] = first(at "/memory.max")
  }
  text = "\n" slurp(at "/memory.stat")
  events = "\n" slurp(at "/memory.events")
  return born[id] " " cpu " " after(cpu_stat, "\nnr_throttled ") " " thousand(after(cpu_stat, "\nthrottled_usec ")) " " quota[id] " " \
    usage " " after(text, "\nfile ") " " after(text, "\ninactive_file ") " " limit[id] " " after(events, "\nmax ") " " \
    after(events, "\noom_kill ") " " first(at "/pids.current")
}

# What it takes itself, from its own cgroup.
function itself(name,  stat) {
  if (LAYOUT == 2) {
    stat = "\n" slurp(CGROUP PARENT "/" name "/cpu.stat")
    say("P " thousand(after(stat, "\nusage_usec ")) " " first(CGROUP PARENT "/" name "/memory.current"))
  } else
    say("P " first(CGROUP "/cpuacct" PARENT "/" name "/cpuacct.usage") " " \
      first(CGROUP "/memory" PARENT "/" name "/memory.usage_in_bytes"))
}

# A process of the host has no group for itself: the time of both programs and their children, and what they hold of memory.
function itself_by_processes() {
  own_ticks = 0; own_memory = 0
  add_process("self"); add_process(clock)
  say("P " own_ticks "0000000 " own_memory * 1024)
}

function add_process(number,  text) {
  text = slurp(PROC "/" number "/stat")
  if (!match(text, /.*\) /) || split(substr(text, RLENGTH + 1), words, " ") < 20) return
  own_ticks += words[12] + words[13] + words[14] + words[15]
  own_memory += after(slurp(PROC "/" number "/status"), "VmRSS:") + 0
}

function container(path,  name, id, folder) {
  n_parts = split(path, parts, "/")
  name = parts[n_parts - 1]
  if (!match(name, /[0-9a-f]+(\.scope)?$/)) return
  id = substr(name, RSTART, RLENGTH)
  sub(/\.scope$/, "", id)
  if (length(id) != 64) return
  if (name == OWN) { itself(name); return }
  folder = LAYOUT == 2 ? CGROUP PARENT "/" name : CGROUP "/memory" PARENT "/" name
  measure(id, name, folder)
}

function forget(  id) {
  for (id in there) if (there[id] != tick) {
    delete there[id]; delete pid[id]; delete born[id]; delete quota[id]; delete limit[id]; delete turn[id]
    delete listen[id]; delete closing[id]; delete walked[id]; delete queue[id]; delete ask_four[id]; delete ask_six[id]
    delete cards[id]; delete traffic[id]; delete shares[id]; delete held[id]; delete waiting[id]; delete sockets_now[id]
    delete counted[id]; delete disk_text[id]; delete done_io[id]; delete disks_of[id]; delete rest[id]; delete throttled[id]
    delete cpu_before[id]; delete usage_before[id]
  }
}

BEGIN {
  CGROUP = ENVIRON["CGROUP"]; PROC = ENVIRON["PROC"]; SYS = ENVIRON["SYS"]; LAYOUT = ENVIRON["LAYOUT"]
  OWN = ENVIRON["OWN"]; PARENT = ENVIRON["PARENT"]; SHIM = ENVIRON["SHIM"]; FILESYSTEMS = ENVIRON["FILESYSTEMS"]
  BY_LINES = ENVIRON["BY_LINES"] != ""  # mawk reads either all input as it comes, line by line, or none
  ROOT = ENVIRON["ROOT"]; BUSYBOX = ENVIRON["BUSYBOX"]
  boot = substr(first(PROC "/sys/kernel/random/boot_id"), 1, 8)
  cpus = 0
  n = split(slurp(PROC "/stat"), rows, "\n")
  for (i = 1; i <= n; i++) if (rows[i] ~ /^cpu[0-9]/) cpus++
  credit = 20
}

{
  tick++
  if (tick == 1) begun = $1
  if ($2 != "-") processes = $2
  clock = $3
  block = ""; lines = 0
  say("B 1 " tick " " $1 " " boot " " begun " " ENVIRON["INTERVAL"] " " ENVIRON["VERSION"] " " LAYOUT " " cpus)
  host_itself(); host_disks(); host_network(); host_tcp(); host_filesystems()
  if (LAYOUT == 1) blkio_counted = counts_blkio()
  if (OWN == "-") itself_by_processes()
  total = NF
  read_since = 0
  for (i = 4; i <= total; i++) paths[i] = $i
  for (i = 4; i <= total; i++) container(paths[i])
  printf "%sE %d %d\n", block, tick, lines
  fflush()
  forget()
  walk()
}
