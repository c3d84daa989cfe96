"""The two roles of the audit log, which the owner of the database makes or finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .audit_config import KeeperSection
from .store_config import PasswordSection
from .toml_config import StartError

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

LOCK: Final = 1635083370  # advisory lock: migrations of the roles, one after another
MAY_CREATE: Final = "SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user"


def make_roles(connection: Connection, keeper: KeeperSection, writer: PasswordSection) -> str:
    """Create the roles that are missing, set both passwords, and let the keeper make its schema.

    A login that may not create roles finds them made by somebody else, with their passwords.

    Args:
        connection: of the owner of the database.
        keeper: the names of both roles, and the keeper's password.
        writer: the password of the role that inserts rows.

    Raises:
        StartError: a role is missing and may not be created, or a password cannot be read.
    """
    from psycopg import sql

    passwords = {keeper.writer: _password(writer), keeper.user: _password(keeper)}
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        there = {
            role
            for (role,) in connection.execute(
                "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", (list(passwords),)
            )
        }
        missing = [role for role in passwords if role not in there]
        may_create = connection.execute(MAY_CREATE).fetchone() == (True,)
        if missing and not may_create:
            raise StartError(_missing(connection, keeper, missing))
        for role in missing:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        if may_create:
            for role, password in passwords.items():
                _set_password(connection, role, password)
        connection.execute(
            sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(
                sql.Identifier(keeper.name), sql.Identifier(keeper.user)
            )
        )
        granted = connection.execute(
            "SELECT has_database_privilege(%s, %s, 'CREATE')", (keeper.user, keeper.name)
        ).fetchone()
        if granted != (True,):
            raise StartError(
                f"{keeper.user} may not make the schema audit in {keeper.name}, and "
                f"{connection.info.user} may not let it: run as the owner of the database: "
                f"GRANT CREATE ON DATABASE {keeper.name} TO {keeper.user}"
            )
    made = f"roles made: {', '.join(missing)}" if missing else "the roles are there"
    return f"audit log: {made}"


def _set_password(connection: Connection, role: str, password: str) -> None:
    """Set it as a hash, so that no log of statements has the password itself.

    From PostgreSQL 16 on, only who has made a role may do so: other roles keep theirs.
    """
    import psycopg
    from psycopg import sql

    verifier = connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    ).decode()
    statement = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
    try:
        with connection.transaction():
            connection.execute(statement.format(sql.Identifier(role), sql.Literal(verifier)))
    except psycopg.errors.InsufficientPrivilege:
        return


def _password(section: PasswordSection) -> str:
    try:
        password = section.password()
    except OSError as error:
        raise StartError(f"a password of the audit log cannot be read: {error}") from None
    if not password:
        raise StartError("a password of the audit log is missing or empty")
    return password


def _missing(connection: Connection, keeper: KeeperSection, missing: list[str]) -> str:
    statements = " ".join(f"CREATE ROLE {role} LOGIN PASSWORD '…';" for role in missing)
    return (
        f"{' and '.join(missing)} missing on {keeper.host}, and {connection.info.user} may not "
        f"create roles: run as an administrator of the server: {statements} "
        f"GRANT CREATE ON DATABASE {keeper.name} TO {keeper.user};"
    )
