# What the node borrows from the machine, and how it is given back. Sourced by up and down.

# ---- taken at up ---------------------------------------------------------------------------------

make_cgroups() {
  local c
  for c in "$cgroups"/*/cgroup.procs; do
    c=${c%/cgroup.procs}; [[ $c == */unified ]] || mkdir -p "$c/$name"
  done
  for c in cpus mems; do cat "$cgroups/cpuset/cpuset.$c" > "$cgroups/cpuset/$name/cpuset.$c"; done
  mkdir -p "$cgroups/pids/$name/daemons"
}

# The kubelet sets some kernel values for the whole machine; down puts these back.
save_sysctls() {
  sysctl vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops \
    kernel.keys.root_maxkeys kernel.keys.root_maxbytes > "$RUN/sysctl"
}

load_modules() { # those that a kernel with modules may not have loaded yet
  if command -v modprobe > /dev/null; then modprobe -qa br_netfilter overlay veth nf_tables || true; fi
}

# The node is a private mount and network namespace, joined to the machine by one link.
namespace_made() { [[ $(cat "/proc/$(pid namespace)/comm") == sleep ]]; }
make_namespace() {
  local n
  launch namespace unshare -m -n --propagation private sleep infinity
  await 10 namespace namespace_made
  ip link add "$link" type veth peer name eth0 netns "$(pid namespace)"
  ip addr add "$vm_ip/24" dev "$link"
  ip link set "$link" up
  inside env RUN="$RUN" vm_ip="$vm_ip" node_ip="$node_ip" bash -euo pipefail <<'I'
ip link set lo up; ip addr add "$node_ip/24" dev eth0; ip link set eth0 up; ip route add default via "$vm_ip"
# The node has no IPv6: pods could reach it by link-local addresses, which no policy of this node covers.
sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1 \
  net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
# What the daemons write outside $RUN goes to private copies: a fresh /run (with $RUN still in it), overlays, a log folder.
mkdir -p "$RUN/private-run"; mount -t tmpfs -o mode=755 tmpfs "$RUN/private-run"
mkdir -p "$RUN/private-run/lock"
if [[ $RUN == /run/* ]]; then mkdir -p "$RUN/private-run/${RUN#/run/}"; mount --bind "$RUN" "$RUN/private-run/${RUN#/run/}"; fi
mount -n --move "$RUN/private-run" /run   # -n: the list of mounts lies in the /run just covered
for d in opt var/lib; do
  mkdir -p "$RUN/overlay/$d/upper" "$RUN/overlay/$d/work"
  mount -t overlay overlay -o "lowerdir=/$d,upperdir=$RUN/overlay/$d/upper,workdir=$RUN/overlay/$d/work" "/$d"
done
mkdir -p "$RUN/varlog"; mount --bind "$RUN/varlog" /var/log
mount --make-rshared /   # volumes mounted by the kubelet must show in containers that ask for it
I
  for n in "$service_net" "$pod_net" "$lb_net"; do ip route replace "$n" via "$node_ip" dev "$link"; done
}

# ---- given back at down --------------------------------------------------------------------------

cgroup_processes() { find "$cgroups/pids/$name" -name cgroup.procs -exec cat {} + 2> /dev/null || true; }

clear_node() {
  local d i pids keep
  # In this order: nothing restarts pods while they end, and etcd outlives its client.
  for d in controllers kube-proxy kubelet scheduler controller-manager apiserver etcd containerd registry; do stop "$d"; done
  # Pods and containerd's shims: every process still in our own cgroup.
  keep=$(pid namespace 2> /dev/null || echo none)
  for i in {1..50}; do
    pids=$(cgroup_processes | grep -vx "$keep" || true); [[ -n $pids ]] || break
    kill -9 $pids 2> /dev/null || true
    sleep 0.1
  done
  stop namespace   # with its last process the namespace goes: mounts, pods' networks, our link
  for i in {1..50}; do [[ -n $(cgroup_processes) ]] || break; sleep 0.1; done
  pids=$(cgroup_processes | tr '\n' ' ')
  [[ -z $pids ]] || fail "processes that do not end: $pids" "the node is not wholly gone" "see what holds them (ps -p $pids), then run down again"

  if [[ -d $cgroups/pids/$name ]] && ip link show "$link" > /dev/null 2>&1; then
    # The kernel removes it with its namespace, maybe just now.
    ip link del "$link" 2> /dev/null || ! ip link show "$link" > /dev/null 2>&1 \
      || fail "the link $link cannot be removed" "the next node cannot be started" "ip link del $link"
  fi
  for d in "$cgroups"/*/"$name"; do
    if [[ -d $d ]]; then find "$d" -depth -type d -exec rmdir {} +; fi
  done
  if [[ -e $RUN/sysctl ]]; then sysctl -q -p "$RUN/sysctl"; fi
  rm -f "/run/$name.at"
}

clear_api() { # nothing of it is kept, so nothing need end politely
  local d
  for d in controller-manager apiserver etcd; do
    if alive "$d"; then kill -9 "$(pid "$d")"; fi
  done
  for d in controller-manager apiserver etcd; do
    while alive "$d"; do sleep 0.02; done
  done
}

# Ends all that runs in $RUN and removes it; harmless where nothing does.
clear() {
  if [[ $mode == node ]]; then clear_node; else clear_api; fi
  if [[ -e $RUN/mode ]]; then rm -rf --one-file-system "$RUN"; fi
}
