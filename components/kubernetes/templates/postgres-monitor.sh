# The exporter's role reads statistics and no table.
monitor=$(head -n 1 /etc/exporter/password | sed "s/'/''/g")
{
    printf "DO \$\$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'qudag_monitor') THEN CREATE ROLE qudag_monitor LOGIN CONNECTION LIMIT 5; END IF; END \$\$\n"
    printf 'GRANT pg_monitor TO qudag_monitor\n'
    printf "ALTER ROLE qudag_monitor PASSWORD '%s'\n" "$monitor"
} | single "$data"
