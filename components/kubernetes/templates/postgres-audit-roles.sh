# The audit log has two roles: one inserts rows, the other owns them. The database's owner is neither.
# Roles and passwords are set at each start: a database that exists already gets them too.
roles() {
    while [ $# -gt 0 ]; do
        word=$(sed "s/'/''/g" "$2")
        printf "DO \$\$ BEGIN IF to_regrole('%s') IS NULL THEN CREATE ROLE %s LOGIN; END IF; END \$\$\n" "$1" "$1"
        printf "ALTER ROLE %s PASSWORD '%s'\n" "$1" "$word"
        shift 2
    done
    printf 'GRANT CREATE ON DATABASE "%s" TO qudag_audit_keeper\n' "$DB_NAME"
}
roles qudag_audit /etc/secrets/audit-password \
    qudag_audit_keeper /etc/secrets/audit-keeper-password | single "$data"
