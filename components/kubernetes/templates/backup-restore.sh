# Waits for the data and the new database that the other container makes, and restores into it.
set -eu
left=$WAIT
until [ -s "$WORK/database" ]; do
    # Nothing to restore: the other container says why.
    [ ! -e "$WORK/ended" ] || exit 0
    [ "$left" -gt 0 ] || { echo "restore: no data within $WAIT s" >&2; exit 1; }
    left=$((left - 1))
    sleep 1
done
PGPASSWORD=$(cat "$PASSWORD_FILE")
export PGPASSWORD
status=0
pg_restore --no-password --dbname="$(cat "$WORK/database")" --no-owner --no-privileges \
    --role="$OWNER" --exit-on-error "$WORK/dump" || status=$?
echo "$status" > "$WORK/status.part"
mv "$WORK/status.part" "$WORK/status"
exit "$status"
