# What stops an `up` before it starts anything, all of it at once. Sourced by up.

problems=0
problem() { message "$@"; problems=$((problems + 1)); }

full_build_gib=12 api_build_gib=6 run_gib=2

check_tools() {
  local t missing=() needed="awk curl flock openssl python3 realpath setsid sha256sum"
  if [[ $mode == node ]]; then needed+=" findmnt ip nsenter sysctl unshare wget"; fi
  if [[ $mode == node && ! -e $debroot/.done ]]; then needed+=" apt-get dpkg"; fi
  for t in $needed; do command -v "$t" > /dev/null || missing+=("$t"); done
  (( ${#missing[@]} == 0 )) || problem "missing on PATH: ${missing[*]}" "the node cannot be started" \
    "install them (Debian: apt-get install curl gawk iproute2 openssl procps python3 util-linux wget)"
  case $(openssl version 2> /dev/null || true) in
    OpenSSL\ [012].* | LibreSSL*) problem "$(openssl version) is too old" \
      "no certificates can be made" "install OpenSSL 3 or newer" ;;
  esac
}

newer() { [[ $(printf '%s\n%s\n' "$1" "$2" | LC_ALL=C sort -V | tail -1) == "$1" ]]; } # A B: A is not older

check_go() {
  local needed found switching
  needed=$(sed -n 's/^go //p' "$here/mods/go.mod")
  if ! command -v go > /dev/null; then
    problem "no go on PATH" "the programs of the node cannot be built" \
      "install Go $needed or newer from https://go.dev/dl and put its bin folder on PATH"
    return 0
  fi
  found=$(cd / && go env GOVERSION 2> /dev/null | sed 's/^go//')
  switching=$(cd / && go env GOTOOLCHAIN 2> /dev/null || true)
  # From 1.21 on, Go fetches the toolchain that a module asks for, unless told not to.
  if newer "${found:-0}" "$needed" || { newer "${found:-0}" 1.21 && [[ $switching == *auto* ]]; }; then return 0; fi
  problem "Go ${found:-of unknown version} is too old, $needed or newer is needed" \
    "the programs of the node cannot be built" "install Go $needed or newer from https://go.dev/dl"
}

free_gib() { # PATH, which need not exist yet
  local path=$1
  until [[ -e $path ]]; do path=$(dirname "$path"); done
  df -Pk "$path" | awk 'NR == 2 {print int($4 / 1048576)}'
}

check_space() {
  local needed=$full_build_gib place free
  if [[ $mode == api ]]; then needed=$api_build_gib; fi
  for place in "$CACHE" "$(cd / && go env GOCACHE 2> /dev/null || echo "$CACHE")"; do
    free=$(free_gib "$place")
    if (( free < needed )); then
      problem "$free GiB free at $place" "the first build needs about $needed GiB" \
        "free some space, or set NODE_CACHE and GOCACHE to folders on a larger disk"
      return 0
    fi
  done
}

# Where other users of this machine can put a file or a link: FOLDER, else where it would be made.
shared() {
  local at=$1 leaf=yes mode
  until [[ -e $at ]]; do at=$(dirname "$at"); done
  at=$(realpath "$at")
  while [[ $at != / ]]; do
    mode=8#$(stat -c %a "$at")
    # In a folder like /tmp others cannot replace what exists, but take the name of what does not.
    if (( mode & 02 )) && { [[ $leaf == yes ]] || (( ! (mode & 01000) )); }; then echo "$at"; return 0; fi
    at=$(dirname "$at") leaf=no
  done
  return 1
}

check_private() {
  local at
  if [[ -e $RUN && ! -O $RUN ]]; then
    problem "$RUN belongs to $(stat -c %U "$RUN")" "that user could change what the node runs" \
      "set NODE_RUN, or --run DIR, to a folder of yours"
  elif at=$(shared "$(dirname "$RUN")"); then
    problem "$RUN would lie in $at, which every user can write to" "another user could put a link in its place" \
      "set NODE_RUN, or --run DIR, to a folder in one of yours"
  fi
  if at=$(shared "$CACHE"); then
    problem "$CACHE would lie in $at, which every user can write to" "another user could replace the node's programs" \
      "set NODE_CACHE to a folder in one of yours"
  fi
}

check_run() {
  local top=$RUN
  until [[ -e $top ]]; do top=$(dirname "$top"); done
  if [[ ! -d $top || ! -w $top ]]; then
    problem "$RUN cannot be written" "the node has no place to run" "set NODE_RUN, or --run DIR, to a folder of yours"
  elif [[ -d $RUN && ! -e $RUN/mode && -n $(ls -A "$RUN") ]]; then
    problem "$RUN holds something else" "down would remove it" "set NODE_RUN, or --run DIR, to an empty folder"
  elif [[ -e $RUN/mode && $(cat "$RUN/mode") != "$mode" ]]; then
    problem "$RUN belongs to an up with$([[ $mode == api ]] && echo out) --api-only" "they would mix" \
      "set NODE_RUN, or --run DIR, to another folder"
  fi
}

check_node_run() {
  local top=$RUN free
  until [[ -e $top ]]; do top=$(dirname "$top"); done
  case $(findmnt -no FSTYPE,OPTIONS -T "$top") in
    *noexec*) problem "$RUN lies on a file system mounted noexec" "containers' programs could not run" \
      "set NODE_RUN to a folder on another file system" ;;
    overlay*) problem "$RUN lies on an overlay file system" "containers' own overlays cannot lie on it" \
      "set NODE_RUN to a folder on another file system" ;;
  esac
  free=$(free_gib "$top")
  (( free >= run_gib )) || problem "$free GiB free at $RUN" "pods and their images need about $run_gib GiB" \
    "set NODE_RUN to a folder on a larger disk"
}

check_machine() {
  [[ $(uname -m) == x86_64 ]] || problem "this machine is $(uname -m), not x86_64" "its pods cannot run here" \
    "use kind, or a cluster of yours (CLUSTER=context:NAME); --api-only works here"
  [[ $EUID == 0 ]] || problem "not root" "namespaces, mounts and cgroups cannot be made" \
    "run it as root, or use --api-only where no pods are needed"
  [[ -e $cgroups/pids/cgroup.procs ]] || problem "no cgroup v1 hierarchies under $cgroups" \
    "pods cannot run on this machine" \
    "boot with systemd.unified_cgroup_hierarchy=0, use kind, or a cluster of yours (CLUSTER=context:NAME); --api-only works here"
}

# Leftovers of a crash are gone by now: interfaces and routes with our names belong to another program.
check_taken() {
  local net routes
  if ip link show "$link" > /dev/null 2>&1; then
    problem "a network link $link exists that is not the node's" "the node cannot be joined to the machine" \
      "rename it, or remove it: ip link del $link"
  fi
  for net in "$link_net" "$lb_net" "$service_net" "$pod_net"; do
    routes=$(ip -o route show root "$net" 2> /dev/null | head -1 | awk '{print $1, $2, $3}')
    [[ -z $routes ]] || problem "the addresses $net are in use (route $routes)" \
      "the node's pods and services could not be reached" "end what uses them, or remove it: ip route del $routes"
  done
}

# Another node of this machine, started with another NODE_RUN.
check_other_node() {
  local other
  other=$(cat "/run/$name.at" 2> /dev/null) || return 0
  [[ $other == "$RUN" ]] || fail "this machine's node runs in $other" "a second one would use the same addresses" \
    "use that one, or end it first: NODE_RUN=$other $here/down"
}

check_before() {
  if [[ $mode == node ]]; then check_machine; fi
  check_tools
  check_private
  check_run
  if [[ $mode == node ]]; then check_node_run; fi
  if lacking; then
    check_go
    check_space
  fi
  refuse
}
refuse() { (( problems == 0 )) || exit 1; }
