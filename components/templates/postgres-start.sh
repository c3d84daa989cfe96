set -eu
# Connections come over TLS with a password, or not at all; the socket is for this pod's own use.
data=/var/lib/postgresql/data/cluster
password=$(sed "s/'/''/g" /etc/secrets/database-password)
single() { postgres --single -D "$data.new" -c log_min_messages=warning "$1" > /dev/null; }

if [ ! -s "$data/PG_VERSION" ]; then
    # Made beside its place and moved there whole: what a kill leaves half-made is made again.
    rm -rf "$data.new"
    initdb --pgdata="$data.new" --username=postgres --auth=reject --encoding=UTF8 \
        --locale=C.UTF-8 --data-checksums --no-instructions
    echo "CREATE ROLE \"$DB_USER\" LOGIN" | single postgres
    echo "CREATE DATABASE \"$DB_NAME\" OWNER \"$DB_USER\"" | single postgres
    mv "$data.new" "$data"
fi
# At each start, so that a rotated Secret is taken up by a restart.
echo "ALTER ROLE \"$DB_USER\" PASSWORD '$password'" \
    | postgres --single -D "$data" -c log_min_messages=warning postgres > /dev/null
