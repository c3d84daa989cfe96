# Names, addresses, progress, failures and processes: what every script here shares. Sourced, never run.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Debian packages unpacked (not installed) into the cache: the runtime's tools, the image builder's
# and the libraries they link.
debs="runc nftables debootstrap debian-archive-keyring
  libnftables1 libnftnl11 libseccomp2 libjansson4 libedit2 libbsd0 libmd0 libmnl0 libgmp10 libxtables12"

# ---- progress and failures -----------------------------------------------------------------------

# Each step is two lines on stdout, when it starts and when it is done: "[ 12s] building etcd …".
step() { end_if_interrupted; printf '[%4ds] %s\n' "$SECONDS" "$*"; }

# What went wrong, what follows, what to do; a program that reads it asks for its own separator.
message() { # WHAT CONSEQUENCE FIX
  local between=${NODE_SEPARATOR:-: }
  printf 'node: %s\n' "$1$between$2$between$3" >&2
}
fail() { message "$@"; exit 1; }

# A signal only sets this. A script that ended at once would leave a process whose id is in no file yet.
interrupted=no
end_if_interrupted() {
  [[ $interrupted == yes ]] || return 0
  if [[ $phase == started ]]; then
    fail interrupted "the node keeps running, but not all of it has started" "run up again: it continues there; down ends it"
  fi
  fail interrupted "nothing is left running, what was built is kept" "run up again: it continues there"
}

# ---- names and addresses -------------------------------------------------------------------------

if ! command -v sha256sum > /dev/null || ! command -v find > /dev/null; then
  fail "coreutils or findutils are missing on PATH" "the node's cache cannot be found" \
    "install coreutils and findutils"
fi
pins=$({ find "$here/mods" -type f -print0 | LC_ALL=C sort -z | xargs -0 cat; echo $debs; } | sha256sum | cut -c1-12)
CACHE=${NODE_CACHE:-${HOME:-/root}/.cache/qudag-node}/$pins
RUN=${NODE_RUN:-/run/qudag-node}
mode=node                  # or api: etcd, API server and controller manager only, without root

name=qudag-node            # the cgroup; one node per machine
link=qnode0                # the machine's end of the link to the node
vm_ip=10.250.0.1 node_ip=10.250.0.2 link_net=10.250.0.0/24
pod_net=10.244.0.0/16 service_net=10.96.0.0/16 lb_net=10.250.1.0/28
registry=127.0.0.1:5000    # inside the node's network namespace only
cgroups=/sys/fs/cgroup
debroot=$CACHE/root

export PATH=$CACHE/bin:$debroot/usr/sbin:$PATH:/usr/sbin:/sbin
export LD_LIBRARY_PATH=$debroot/usr/lib/x86_64-linux-gnu:$debroot/lib/x86_64-linux-gnu
export KUBECONFIG=$RUN/kubeconfig

use_run() { RUN=$(realpath -m "$1"); KUBECONFIG=$RUN/kubeconfig; } # DIR

# Nobody else reads what pods store, or puts links where the node writes.
make_run() {
  mkdir -p "$(dirname "$RUN")"
  if [[ ! -d $RUN ]]; then mkdir -m 700 "$RUN"; fi
  chmod 700 "$RUN"
  mkdir -p "$RUN/log" "$RUN/pids"
  mkdir -m 700 -p "$RUN/volumes"
}

# The daemons of each mode, in the order in which they start.
daemons() {
  case $mode in
    api) echo etcd apiserver controller-manager ;;
    node) echo namespace registry containerd etcd apiserver controller-manager scheduler \
      kubelet kube-proxy controllers ;;
  esac
}

# ---- one command at a time -----------------------------------------------------------------------

# The node's own names exist once per machine, so its lock does too; an API server's lock is next to its folder.
lock_file() { if [[ $mode == node ]]; then echo /run/$name.lock; else echo "$RUN.lock"; fi; }

lock() {
  locked=$(lock_file)
  mkdir -p "$(dirname "$locked")"
  while true; do
    exec {lock_fd}>> "$locked" || fail "$locked cannot be written" "nothing is started" "choose a folder of yours: --run DIR"
    if ! flock -n "$lock_fd"; then
      local other; other=$(head -1 "$locked")
      fail "another up or down (process $other) works on this node" "two at once would undo each other's work" \
        "wait until it ends, or stop it: kill $other"
    fi
    [[ $locked -ef /proc/self/fd/$lock_fd ]] && break   # else its last owner has just removed it
    exec {lock_fd}>&-
  done
  echo $$ > "$locked"
}
unlock() { if [[ -n ${lock_fd:-} ]]; then rm -f "$locked"; exec {lock_fd}>&-; lock_fd=''; fi; }

# ---- processes -----------------------------------------------------------------------------------

# A process is known by its id and its start time, so that a recycled id is never taken for ours.
# No other program reads it: an interruption from the keyboard would end that too.
born() { # PID: its start time in $birth, which is empty when it has ended
  local stat fields
  birth=''
  { read -r stat < "/proc/$1/stat"; } 2> /dev/null || return 0
  fields=(${stat##*) })
  if [[ ${fields[0]} != Z ]]; then birth=${fields[19]}; fi
}
alive() { # NAME
  local pid start
  { read -r pid start < "$RUN/pids/$1"; } 2> /dev/null || return 1
  born "$pid"
  [[ -n $start && $birth == "$start" ]]
}
pid() { cut -d' ' -f1 "$RUN/pids/$1"; }

# The node's daemons join one cgroup, so that what containerd's shims leave behind can be found again.
launch() { # NAME command…
  local who=$1; shift
  (
    if [[ $mode == node ]]; then echo "$BASHPID" > "$cgroups/pids/$name/daemons/cgroup.procs"; fi
    if [[ -n ${lock_fd:-} ]]; then exec {lock_fd}>&-; fi
    exec setsid "$@"
  ) > "$RUN/log/$who.log" 2>&1 < /dev/null &
  born $!
  echo "$! $birth" > "$RUN/pids/$who"
  disown $! 2> /dev/null || true   # it may have ended already
  end_if_interrupted
}
inside() { nsenter -t "$(pid namespace)" -m -n --wd=/ "$@"; }
start() { # NAME command…: in the node's namespaces, if it has any
  local who=$1; shift
  if [[ $mode == node ]]; then set -- nsenter -t "$(pid namespace)" -m -n --wd=/ "$@"; fi
  launch "$who" "$@"
}

stop() { # NAME: asks, waits a little (the API server would wait for its watchers to leave), then insists
  local p
  if alive "$1"; then
    p=$(pid "$1")
    kill "$p"
    for _ in {1..20}; do alive "$1" || break; sleep 0.1; done
    if alive "$1"; then kill -9 "$p"; fi
    for _ in {1..50}; do alive "$1" || break; sleep 0.1; done # it ends when the kernel comes to it
  fi
  rm -f "$RUN/pids/$1"
}

# Where a failed start's logs are kept, as the folder of the run goes.
kept_logs() { echo "$CACHE/log/failed-${RUN##*/}"; }

await() { # SECONDS WHAT command…: retries until the command succeeds or one of our daemons has ended
  local end=$((SECONDS + $1)) what=$2 d; shift 2
  until "$@" > /dev/null 2>&1; do
    end_if_interrupted
    for d in "$RUN"/pids/*; do
      alive "${d##*/}" || not_up "${d##*/} ended while starting ($(last_line "$RUN/log/${d##*/}.log"))"
    done
    (( SECONDS < end )) || not_up "$what was not ready in time"
    sleep 0.1
  done
}
not_up() { fail "$1" "nothing is left running" "read the logs in $(kept_logs), then run up again"; }
last_line() { grep -v '^\s*$' "$1" 2> /dev/null | tail -1 | tr -d '\r' | cut -c1-300; }
