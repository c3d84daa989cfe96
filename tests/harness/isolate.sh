# Runs a command as in a pod's container: own process namespace, read-only root, user nobody.
# usage: isolate.sh PREPARED PID_FILE COMMAND...     (started by `unshare --mount --pid --ipc --fork`)
# PREPARED/root is where the new root is made, PREPARED/etc its /etc, PREPARED/programs its programs,
# and PREPARED/mounts lists what is mounted: source, place and ro or rw in lines of three words.
set -eu
prepared=$1 root=$1/root
# /proc is still the one outside, and so is the number that this process has there.
read -r pid _ < /proc/self/stat
mount -t tmpfs -o mode=755 none "$root"
for name in bin lib lib64 sbin; do
    [ ! -L /$name ] || cp -P /$name "$root/$name"
done
mkdir "$root/etc" "$root/proc" "$root/dev"
cp -R "$prepared/etc/." "$root/etc/"
while read -r source place access; do
    if [ -d "$source" ]; then
        mkdir -p "$root$place"
    else
        mkdir -p "$root${place%/*}"
        : > "$root$place"
    fi
    mount --rbind "$source" "$root$place"
    [ "$access" = rw ] || mount -o remount,bind,ro "$root$place"
done < "$prepared/mounts"
mount -t proc none "$root/proc"
for name in null zero full random urandom; do
    : > "$root/dev/$name"
    mount --bind /dev/$name "$root/dev/$name"
done
mkdir "$root/dev/shm"
mount -t tmpfs -o mode=1777 none "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
for n in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${n%:*}" "$root/dev/${n#*:}"; done
mount -o remount,ro "$root"
echo "$pid" > "$2.new"
mv "$2.new" "$2"
shift 2
exec chroot "$root" setpriv --reuid 65534 --regid 65534 --groups 65534 --no-new-privs \
    --inh-caps=-all --bounding-set=-all -- "$@"
