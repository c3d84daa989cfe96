# Names, addresses and helpers shared by up, down, image and env. Sourced, never run.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Debian packages unpacked (not installed) into the cache: the runtime's tools, the image builder's, and the libraries they link.
debs="runc nftables debootstrap python3-pip-whl libnftables1 libnftnl11 libseccomp2 libjansson4 libedit2 libbsd0 libmd0 libmnl0 libgmp10 libxtables12"
pins=$({ find "$here/mods" -type f -print0 | LC_ALL=C sort -z | xargs -0 cat; echo "$debs"; } | sha256sum | cut -c1-12)
CACHE=${NODE_CACHE:-$HOME/.cache/qudag-node}/$pins
RUN=${NODE_RUN:-/run/qudag-node}

name=qudag-node            # the cgroup; one node per machine
link=qnode0                # the VM's end of the link to the node
vm_ip=10.250.0.1 node_ip=10.250.0.2
pod_net=10.244.0.0/16 service_net=10.96.0.0/16 lb_net=10.250.1.0/28
api=https://$node_ip:6443
registry=127.0.0.1:5000    # inside the node's network namespace only
cgroups=/sys/fs/cgroup
debroot=$CACHE/root

export PATH=$CACHE/bin:$debroot/usr/sbin:$PATH:/usr/sbin:/sbin
export LD_LIBRARY_PATH=$debroot/usr/lib/x86_64-linux-gnu:$debroot/lib/x86_64-linux-gnu
export KUBECONFIG=$RUN/kubeconfig

step() { printf '[%4ds] %s\n' "$SECONDS" "$*"; }
die() { echo "$0: $*" >&2; exit 1; }

# A process is known by its id and its start time, so that a recycled id is never taken for ours.
born() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" {print $20}'; }
alive() {
  local pid start
  { read -r pid start < "$RUN/pids/$1"; } 2>/dev/null && [[ -n $start && $(born "$pid") == "$start" ]]
}
pid() { cut -d' ' -f1 "$RUN/pids/$1"; }

# Every daemon joins one cgroup, so that what containerd's shims leave behind can be found again.
launch() { # NAME command…
  local who=$1; shift
  ( echo "$BASHPID" > "$cgroups/pids/$name/daemons/cgroup.procs"; exec setsid "$@" ) > "$RUN/log/$who.log" 2>&1 < /dev/null &
  echo "$! $(born $!)" > "$RUN/pids/$who"
}
inside() { nsenter -t "$(pid namespace)" -m -n --wd=/ "$@"; }
start() { local who=$1; shift; launch "$who" nsenter -t "$(pid namespace)" -m -n --wd=/ "$@"; }

stop() { # NAME: asks, waits a little (the API server would wait for its watchers to leave), then insists
  local p
  if alive "$1"; then
    p=$(pid "$1")
    kill "$p"
    for _ in {1..20}; do alive "$1" || break; sleep 0.1; done
    if alive "$1"; then kill -9 "$p"; fi
  fi
  rm -f "$RUN/pids/$1"
}

await() { # SECONDS what command…: retries until the command succeeds
  local end=$((SECONDS + $1)) what=$2; shift 2
  until "$@" >/dev/null 2>&1; do
    (( SECONDS < end )) || die "$what not ready; see $RUN/log"
    sleep 0.2
  done
}
