set -eu
# Connections come over TLS with a password, or not at all. The socket is for this container's own
# user alone, who owns the data as well.
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
printf "ALTER ROLE \"%s\" PASSWORD '%s'\n" "$DB_USER" "$password" | single "$data"
# A rotated password is set while PostgreSQL runs. Kubelets of other nodes update their files up to
# a minute later. Until ROTATION_DELAY is over, servers use the last password that worked.
rotated() {
    printf "SET log_min_error_statement = panic;\nALTER ROLE \"%s\" PASSWORD '%s';\n" "$DB_USER" "$1" |
        psql --no-psqlrc --quiet --host=/tmp --username=postgres --set=ON_ERROR_STOP=1 postgres \
            > /dev/null 2>&1
}
# In a subshell of its own, so that `$!` of this shell is PostgreSQL alone.
( (
    while sleep 2 && kill -0 $$ 2> /dev/null; do
        next=$(sed "s/'/''/g" /etc/secrets/database-password 2> /dev/null) || continue
        [ -n "$next" ] && [ "$next" != "$password" ] || continue
        sleep "$ROTATION_DELAY"
        next=$(sed "s/'/''/g" /etc/secrets/database-password) || continue
        if rotated "$next"; then
            password=$next
            echo "the rotated password is set"
        else
            echo "the rotated password was not set; trying again" >&2
        fi
    done
) & )
