#!/usr/bin/env bash
# Makes a minimal Debian 13 in a folder: debian-base.sh FOLDER KEYRING
set -euo pipefail

debootstrap --variant=minbase --keyring="$2" trixie "$1" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
cd "$1"
rm -rf var/cache/apt/archives/*.deb var/lib/apt/lists/* usr/share/doc/* usr/share/man/* usr/share/locale/* var/log/*
: > etc/resolv.conf; chmod 644 etc/resolv.conf
mkdir -p etc/dpkg/dpkg.cfg.d etc/postgresql-common
printf 'path-exclude=/usr/share/%s/*\n' doc man locale > etc/dpkg/dpkg.cfg.d/slim
# while packages install, no service starts and no database is made
printf '#!/bin/sh\nexit 101\n' > usr/sbin/policy-rc.d; chmod 755 usr/sbin/policy-rc.d
echo 'create_main_cluster = false' > etc/postgresql-common/createcluster.conf
