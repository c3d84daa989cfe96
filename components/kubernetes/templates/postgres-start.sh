set -eu
# Connections come over TLS with a password, or not at all. The socket is for this container's own
# user alone, who owns the data as well.
data=/var/lib/postgresql/data/cluster
# A password as the text of a statement. A line break would end the statement, and PostgreSQL would
# log the beginning of the password with its error.
password_in() {
    case $(cat "$1") in
        *'
'*) echo "$1 has several lines; write the password in one" >&2; return 1 ;;
    esac
    sed "s/'/''/g" "$1"
}
password=$(password_in /etc/secrets/database-password)
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
# Sets the password of a role again when its file has changed, while PostgreSQL runs. Kubelets of
# other nodes update their files up to a minute later than this one. Until the delay is over, servers
# use the last password that worked.
# Arguments: the role, the file, seconds of delay, the password that is set, and a command that is
# run with each new one.
set_when_rotated() {
    role=$1 file=$2 delay=$3 password=$4 told=${5:-:}
    while sleep 2 && kill -0 $$ 2> /dev/null; do
        next=$(password_in "$file" 2> /dev/null) || continue
        [ -n "$next" ] && [ "$next" != "$password" ] || continue
        sleep "$delay"
        next=$(password_in "$file") || continue
        if printf "SET log_min_error_statement = panic;\nALTER ROLE \"%s\" PASSWORD '%s';\n" "$role" "$next" |
            psql --no-psqlrc --quiet --host=/tmp --username=postgres --set=ON_ERROR_STOP=1 postgres \
                > /dev/null 2>&1
        then
            password=$next
            "$told" "$next"
            echo "the rotated password of $role is set"
        else
            echo "the rotated password of $role was not set; trying again" >&2
        fi
    done
}
# Each in a subshell of its own, so that `$!` of this shell is PostgreSQL alone.
(set_when_rotated "$DB_USER" /etc/secrets/database-password "$ROTATION_DELAY" "$password" &)
