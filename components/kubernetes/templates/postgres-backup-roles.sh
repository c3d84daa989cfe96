# The roles of backups: one that reads everything, and one that makes databases for the owner.
backup=$(password_in /etc/secrets/backup-password)
restore=$(password_in /etc/secrets/restore-password)
# Unless it exists: an error of a statement ends the start, even one that the statement handles.
role_of_backups() {
    printf "DO 'BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ''%s'') THEN " "$1"
    printf "CREATE ROLE \"%s\" LOGIN %s; END IF; END'\n" "$1" "$2"
}
{
    role_of_backups "${DB_USER}_backup" "IN ROLE pg_read_all_data"
    role_of_backups "${DB_USER}_restore" "CREATEDB IN ROLE \"$DB_USER\", pg_signal_backend"
    printf 'GRANT SET ON PARAMETER qudag_mcp.restored_copy TO "%s_restore"\n' "$DB_USER"
    printf "ALTER ROLE \"%s_backup\" PASSWORD '%s'\n" "$DB_USER" "$backup"
    printf "ALTER ROLE \"%s_restore\" PASSWORD '%s'\n" "$DB_USER" "$restore"
} | single "$data"
# Their jobs read the passwords when they start: the sooner one is set, the fewer are refused.
(set_when_rotated "${DB_USER}_backup" /etc/secrets/backup-password 0 "$backup" &)
(set_when_rotated "${DB_USER}_restore" /etc/secrets/restore-password 0 "$restore" &)
