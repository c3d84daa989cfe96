# The exporter's role reads statistics and no table.
monitor=$(password_in /etc/exporter/password)
# Its password as libpq's password file, which the exporter reads for each connection. In it colons
# and backslashes are special, and a quote is no longer doubled.
tell_exporter() {
    (umask 077
    printf '127.0.0.1:*:*:qudag_monitor:%s\n' "$(printf %s "$1" | sed -e "s/''/'/g" -e 's/[\\:]/\\&/g')" > /exporter/pgpass.new)
    mv /exporter/pgpass.new /exporter/pgpass
}
{
    printf "DO \$\$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'qudag_monitor') THEN CREATE ROLE qudag_monitor LOGIN CONNECTION LIMIT 5; END IF; END \$\$\n"
    printf 'GRANT pg_monitor TO qudag_monitor\n'
    printf "ALTER ROLE qudag_monitor PASSWORD '%s'\n" "$monitor"
} | single "$data"
tell_exporter "$monitor"
(set_when_rotated qudag_monitor /etc/exporter/password 0 "$monitor" tell_exporter &)
