-- A restored database comes without owners and rights. Its audit log goes back to the keeper, and
-- the writer gets its rights again. Nothing is done while the keeper owns the log.
SET search_path = pg_catalog;
DO $$
DECLARE
    statement text;
BEGIN
    IF to_regclass('audit.log') IS NULL OR EXISTS (
        SELECT FROM pg_namespace WHERE nspname = 'audit' AND nspowner = 'qudag_audit_keeper'::regrole
    ) THEN
        RETURN;
    END IF;
    FOR statement IN
        SELECT format('ALTER TABLE %s OWNER TO qudag_audit_keeper', oid::regclass)
        FROM pg_class WHERE relnamespace = 'audit'::regnamespace AND relkind IN ('r', 'p')
        UNION ALL
        SELECT format('ALTER FUNCTION %s OWNER TO qudag_audit_keeper', oid::regprocedure)
        FROM pg_proc WHERE pronamespace = 'audit'::regnamespace
        UNION ALL
        SELECT format(
            'GRANT INSERT (%s), SELECT (seq, hash) ON audit.log TO qudag_audit',
            string_agg(quote_ident(attname), ', ')
        )
        FROM pg_attribute
        WHERE attrelid = 'audit.log'::regclass AND attnum > 0 AND NOT attisdropped
            AND attname NOT IN ('seq', 'at', 'previous', 'hash')
        UNION ALL
        SELECT format('GRANT SELECT ON audit.results TO qudag_audit')
        WHERE to_regclass('audit.results') IS NOT NULL
    LOOP
        EXECUTE statement;
    END LOOP;
    REVOKE ALL ON ALL FUNCTIONS IN SCHEMA audit FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION audit.make_partitions(integer) TO qudag_audit;
    GRANT USAGE ON SCHEMA audit TO qudag_audit;
    EXECUTE format('GRANT CREATE ON DATABASE %I TO qudag_audit_keeper', current_database());
    ALTER SCHEMA audit OWNER TO qudag_audit_keeper;
    RAISE LOG 'the audit log of a restored database belongs to its keeper again';
END $$;
