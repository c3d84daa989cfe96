# The audit log has two roles: one inserts rows, the other owns them. The database's owner is neither.
# Roles and passwords are set at each start: a database that exists already gets them too.
role() {
    printf "DO \$\$ BEGIN IF to_regrole('%s') IS NULL THEN CREATE ROLE %s LOGIN; END IF; END \$\$\n" "$1" "$1"
    printf "ALTER ROLE %s PASSWORD '%s'\n" "$1" "$2"
}
writer=$(password_in /etc/secrets/audit-password)
keeper=$(password_in /etc/secrets/audit-keeper-password)
{
    role qudag_audit "$writer"
    role qudag_audit_keeper "$keeper"
    printf 'GRANT CREATE ON DATABASE "%s" TO qudag_audit_keeper\n' "$DB_NAME"
} | single "$data"
(set_when_rotated qudag_audit /etc/secrets/audit-password "$ROTATION_DELAY" "$writer" &)
# Its jobs read the password when they start: the sooner it is set, the fewer of them are refused.
(set_when_rotated qudag_audit_keeper /etc/secrets/audit-keeper-password 0 "$keeper" &)
# After a restore, another database has the name: see audit-owner.sql.
(while sleep 10 && kill -0 $$ 2> /dev/null; do
    psql --no-psqlrc --quiet --host=/tmp --username=postgres --set=ON_ERROR_STOP=1 "$DB_NAME" \
        < /etc/postgres/audit-owner.sql > /dev/null 2>&1 || true
done &)
