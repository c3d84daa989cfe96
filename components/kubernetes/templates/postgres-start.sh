set -eu
# Connections come over TLS with a password, or not at all; the socket is for this pod's own use.
data=/var/lib/postgresql/data/cluster
password=$(sed "s/'/''/g" /etc/secrets/database-password)
# One statement a line, from stdin; an error ends it, and no statement is logged: one has the password.
single() {
    postgres --single -D "$1" -c exit_on_error=on -c log_min_messages=warning \
        -c log_min_error_statement=panic postgres > /dev/null
}

if [ ! -s "$data/PG_VERSION" ]; then
    # Made beside its place and moved there whole: what a kill leaves half-made is made again.
    rm -rf "$data.new"
    initdb --pgdata="$data.new" --username=postgres --auth=reject --encoding=UTF8 \
        --locale=C.UTF-8 --data-checksums --no-instructions
    printf 'CREATE ROLE "%s" LOGIN\nCREATE DATABASE "%s" OWNER "%s"\n' "$DB_USER" "$DB_NAME" "$DB_USER" \
        | single "$data.new"
    mv "$data.new" "$data"
fi
# At each start, so that a rotated Secret is taken up by a restart.
printf "ALTER ROLE \"%s\" PASSWORD '%s'\n" "$DB_USER" "$password" | single "$data"
