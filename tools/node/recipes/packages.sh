#!/usr/bin/env bash
# Installs packages over a base: packages.sh BASE WORK CACHE "debian packages" "pip packages"
#
# Runs in a mount namespace of its own, so that nothing stays mounted. The package lists and
# downloads live in the cache, not in the layer; /run is a tmpfs, so that the certificate authorities
# and pip needed for the download stay out too. Byte code is bound to no time stamp, as the layer has
# none: a pod with a read-only root would else compile everything at each start.
set -euo pipefail

base=$1 work=$2 cache=$3 debian=$4 pips=$5 root=$2/root
set -f   # package[extra] is a name, not a pattern
mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/work,redirect_dir=off,metacopy=off" "$root"
mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"; mount -t tmpfs tmpfs "$root/run"
mkdir -p "$cache/lists/partial" "$cache/archives/partial" "$cache/pip" "$root/run/pip-cache"
mount --bind "$cache/lists" "$root/var/lib/apt/lists"; mount --bind "$cache/archives" "$root/var/cache/apt/archives"
mount --bind "$cache/pip" "$root/run/pip-cache"; mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
cp "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$root/run/ca.crt"
cp "$work/requirements.txt" "$root/run/requirements.txt"
passed=()
for v in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL PIP_EXTRA_INDEX_URL; do
  if [ -n "${!v:-}" ]; then passed+=("$v=${!v}"); fi
done
within() {
  chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive PYTHONDONTWRITEBYTECODE=1 "${passed[@]}" "$@"
}
apt() { within apt-get -y -q -o APT::Sandbox::User=root -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "$@"; }
[ -n "$(find "$cache/lists" -maxdepth 1 -name '*Packages*' -mtime -1)" ] || apt update
if [ -n "$debian" ]; then apt install --no-install-recommends $debian; fi
if [ -n "$pips" ] || [ -s "$root/run/requirements.txt" ]; then
  # the pip of the image's own release, used but not kept
  within sh -c 'cd /run && apt-get download -q -o APT::Sandbox::User=root python3-pip-whl && dpkg-deb -x python3-pip-whl_*.deb pip'
  ca=$root/etc/ssl/certs/ca-certificates.crt   # Debian's pip looks for it before it reads PIP_CERT
  if [ -e "$ca" ]; then ca=''; else mkdir -p "${ca%/*}"; cp "$root/run/ca.crt" "$ca"; fi
  wheel=$(set +f; cd "$root"; echo run/pip/usr/share/python-wheels/pip-*.whl)
  pip() {
    within PYTHONPATH="/$wheel" \
      PIP_CERT=/run/ca.crt PIP_CACHE_DIR=/run/pip-cache PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 \
      python3 -m pip install -q --break-system-packages --no-compile "$@"
  }
  if [ -s "$root/run/requirements.txt" ]; then pip --require-hashes --only-binary :all: -r /run/requirements.txt; fi
  if [ -n "$pips" ]; then pip $pips; fi
  if [ -n "$ca" ]; then rm "$ca"; rmdir --ignore-fail-on-non-empty "$root/etc/ssl/certs" "$root/etc/ssl"; fi
fi
if [ -x "$root/usr/bin/python3" ]; then
  within sh -c 'python3 -m compileall -q -f -j0 --invalidation-mode unchecked-hash /usr/lib/python3* /usr/local/lib/python3*' || true
fi
set +f; rm -rf "$root"/var/log/* "$root"/root/.cache "$root"/tmp/*
