# Waits for the snapshot that the other container holds, and dumps it.
set -eu
left=$WAIT
until [ -s "$WORK/snapshot" ]; do
    [ ! -e "$WORK/ended" ] || { echo "backup: the other container has ended" >&2; exit 1; }
    [ "$left" -gt 0 ] || { echo "backup: no snapshot within $WAIT s" >&2; exit 1; }
    left=$((left - 1))
    sleep 1
done
PGPASSWORD=$(cat "$PASSWORD_FILE")
export PGPASSWORD
status=0
pg_dump --no-password --format=custom --snapshot="$(cat "$WORK/snapshot")" \
    --lock-wait-timeout=60000 --file="$WORK/dump" || status=$?
echo "$status" > "$WORK/status.part"
mv "$WORK/status.part" "$WORK/status"
exit "$status"
