//! What is granted, read from the catalogue: exactly what is listed here.

use pg_lora_tests::Database;
use postgres::Client;

/// What each role may do with each table, as PostgREST's roles hold it.
const TABLES: [(&str, &str, &str); 10] = [
    ("cost_budgets", "INSERT SELECT UPDATE", "DELETE INSERT SELECT UPDATE"),
    ("cost_records", "SELECT", "INSERT SELECT"),
    ("custom_metrics", "SELECT", "INSERT SELECT"),
    ("datasets", "DELETE INSERT SELECT UPDATE", "DELETE INSERT SELECT UPDATE"),
    ("gpu_prices", "SELECT", "DELETE INSERT SELECT UPDATE"),
    ("metrics_points", "SELECT", "INSERT SELECT"),
    ("model_artifacts", "SELECT UPDATE", "DELETE INSERT SELECT UPDATE"),
    ("notifications", "DELETE INSERT SELECT UPDATE", "DELETE INSERT SELECT UPDATE"),
    ("training_job_events", "SELECT", "INSERT SELECT"),
    // Deleting is granted to be refused with a hint: no policy lets a row go.
    ("training_jobs", "DELETE INSERT SELECT UPDATE", "DELETE INSERT SELECT UPDATE"),
];

/// Every function in `public`, and whether users may call it; the service may call all of them.
const FUNCTIONS: [(&str, bool); 28] = [
    ("append_dataset_chunk(uuid,integer,text,text,text,jsonb)", false),
    ("cancel_training_job(uuid,text)", true),
    ("check_dataset(text,jsonb)", true),
    ("claim_training_jobs(text,integer,integer)", false),
    ("complete_training_job(uuid,integer,jsonb)", false),
    ("correct_cost(uuid,numeric,text,text)", false),
    ("cost_budget(uuid)", true),
    ("cost_report(date,date,text)", true),
    ("cost_summary(date,date,text,uuid)", true),
    ("create_training_job(uuid,text,jsonb,jsonb,text,uuid)", true),
    ("estimate_training_cost(uuid,jsonb,jsonb,text)", true),
    ("fail_training_job(uuid,integer,text,text,text)", false),
    ("finish_dataset_validation(uuid,integer,text,jsonb)", false),
    ("heartbeat_training_job(uuid,integer,text,text,jsonb)", false),
    ("mark_notifications_read(uuid[])", true),
    ("record_cost(uuid,text,numeric,text,uuid,tstzrange,date,jsonb,text)", false),
    ("register_model_artifact(uuid,integer,text,jsonb,jsonb,uuid,text)", false),
    ("report_training_metrics(uuid,integer,jsonb,text)", false),
    ("retry_training_job(uuid)", true),
    ("set_cost_budget(numeric,boolean,text,text,uuid)", true),
    ("set_model_artifact_status(uuid,text)", false),
    ("sweep_training_jobs(boolean,integer)", false),
    ("training_job_cost(uuid,timestamp with time zone)", true),
    ("training_job_health(uuid)", true),
    ("training_job_progress(uuid,timestamp with time zone)", true),
    ("training_jobs_overview(text,integer,uuid)", true),
    ("training_metrics_curve(uuid[],text[],integer,integer,integer,text,double precision)", true),
    ("validate_dataset(uuid,text,jsonb)", false),
];

/// Rows of one text column.
fn lines(db: &mut Client, sql: &str) -> Vec<String> {
    db.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// Everything that one of the API's roles may do, one line each; what a grant to PUBLIC gives included.
pub fn effective_rights(db: &mut Client) -> Vec<String> {
    lines(
        db,
        "with role (name) as (values ('anon'), ('authenticated'), ('service_role')),
         ours as (select oid, nspname from pg_namespace where nspname in ('public', 'lora', 'lora_private', 'lora_migrate'))
         select format('%s: %s on %s', role.name, privilege, nspname)
         from role, ours, unnest(array['USAGE', 'CREATE']) as privilege
         where has_schema_privilege(role.name, ours.oid, privilege)
         union all
         select format('%s: %s on %s.%s', role.name, privilege, nspname, relname)
         from role, ours, pg_class, unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) as privilege
         where relnamespace = ours.oid and relkind in ('r', 'p', 'v', 'm', 'f')
           and has_table_privilege(role.name, pg_class.oid, privilege)
         union all
         select format('%s: %s of a column of %s.%s', role.name, privilege, nspname, relname)
         from role, ours, pg_class, unnest(array['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) as privilege
         where relnamespace = ours.oid and relkind in ('r', 'p', 'v', 'm', 'f')
           and has_any_column_privilege(role.name, pg_class.oid, privilege)
           and not has_table_privilege(role.name, pg_class.oid, privilege)
         union all
         select format('%s: sequence %s.%s', role.name, nspname, relname)
         from role, ours, pg_class
         where relnamespace = ours.oid and relkind = 'S' and has_sequence_privilege(role.name, pg_class.oid, 'USAGE, SELECT, UPDATE')
         union all
         select format('%s: execute %s', role.name, pg_proc.oid::regprocedure)
         from role, ours, pg_proc
         where pronamespace = ours.oid and has_function_privilege(role.name, pg_proc.oid, 'EXECUTE')
         order by 1",
    )
}

#[test]
fn tables_are_granted_as_listed() {
    let database = Database::migrated();
    let mut db = database.connect();
    let expected: Vec<String> = TABLES
        .iter()
        .flat_map(|(table, users, service)| {
            [format!("{table} authenticated {users}"), format!("{table} service_role {service}")]
        })
        .collect();
    let found = lines(
        &mut db,
        "select format('%s %s %s', relname, coalesce(grantee.rolname, 'public'), string_agg(privilege_type, ' ' order by privilege_type))
         from pg_class cross join lateral aclexplode(relacl) as acl left join pg_roles as grantee on grantee.oid = acl.grantee
         where relnamespace = 'public'::regnamespace and relkind = 'r' and acl.grantee <> relowner
         group by relname, grantee.rolname order by 1",
    );
    assert_eq!(found, expected);
    let columns = "select attrelid::regclass::text || '.' || attname from pg_attribute where attacl is not null \
                   and attrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)";
    assert_eq!(lines(&mut db, columns), [""; 0]);
}

#[test]
fn functions_are_granted_as_listed() {
    let database = Database::migrated();
    let mut db = database.connect();
    let expected: Vec<String> = FUNCTIONS
        .iter()
        .map(|(function, users)| {
            format!("{function} {}", if *users { "authenticated service_role" } else { "service_role" })
        })
        .collect();
    let found = lines(
        &mut db,
        "select format('%s %s', pg_proc.oid::regprocedure,
           (select string_agg(coalesce(grantee.rolname, 'public'), ' ' order by grantee.rolname)
            from aclexplode(coalesce(proacl, acldefault('f', proowner))) as acl left join pg_roles as grantee on grantee.oid = acl.grantee
            where acl.grantee <> proowner))
         from pg_proc where pronamespace = 'public'::regnamespace order by 1",
    );
    assert_eq!(found, expected);
}

#[test]
fn no_function_in_public_runs_as_its_owner() {
    let database = Database::migrated();
    let mut db = database.connect();
    let definers = "select pg_proc.oid::regprocedure::text from pg_proc where pronamespace = 'public'::regnamespace and prosecdef";
    assert_eq!(lines(&mut db, definers), [""; 0]);
    // PostgREST cannot choose between two of one name.
    let overloads = "select proname::text from pg_proc where pronamespace = 'public'::regnamespace group by 1 having count(*) > 1";
    assert_eq!(lines(&mut db, overloads), [""; 0]);
}

#[test]
fn every_function_pins_its_search_path() {
    let database = Database::migrated();
    let mut db = database.connect();
    let unpinned = "select pg_proc.oid::regprocedure::text from pg_proc join pg_language on pg_language.oid = prolang
                    where pronamespace in (select oid from pg_namespace where nspname in ('public', 'lora', 'lora_private', 'lora_migrate'))
                      and lanname not in ('c', 'internal') and not coalesce(proconfig, '{}') && array['search_path=\"\"', 'search_path=pg_catalog, pg_temp']";
    assert_eq!(lines(&mut db, unpinned), [""; 0]);
}

#[test]
fn private_schemas_are_closed_to_nobody_and_the_history_to_everybody() {
    let database = Database::migrated();
    let mut db = database.connect();
    let rights = effective_rights(&mut db);
    let of = |role: &str, schema: &str| -> Vec<&String> {
        rights.iter().filter(|right| right.starts_with(role) && right.contains(schema)).collect()
    };
    assert_eq!(of("anon:", "lora_private"), [""; 0]);
    for role in ["anon:", "authenticated:", "service_role:"] {
        assert_eq!(of(role, "lora_migrate"), [""; 0]);
    }
    // Usage, and only of functions: the working tables are the service's, but for what is kept of one's own jobs.
    let kept = "authenticated: SELECT on lora_private.training_job_paces";
    assert!(
        of("authenticated:", "lora_private")
            .iter()
            .all(|right| right.contains("USAGE") || right.contains("execute") || *right == kept)
    );
    // Nobody counts on: whoever may insert needs no sequence for it.
    assert!(!rights.iter().any(|right| right.contains("sequence")), "{rights:?}");
    // Nobody may make anything.
    assert!(!rights.iter().any(|right| right.contains("CREATE")), "{rights:?}");
    // Trigger functions and those that run as their owner are called by nobody, but for the one that counts everybody's jobs
    // and the two by which a report replaces what another one said; the one that answers three figures of what similar runs of
    // everybody have taken, and the one by which the sweep tells of a budget.
    let callable = "select pg_proc.oid::regprocedure::text from pg_proc, unnest(array['anon', 'authenticated', 'service_role']) as role
                    where pronamespace = 'lora_private'::regnamespace and (prorettype = 'trigger'::regtype or prosecdef)
                      and has_function_privilege(role, pg_proc.oid, 'EXECUTE') order by 1";
    assert_eq!(
        lines(&mut db, callable),
        [
            "lora_private.look_at_budget(uuid)",
            "lora_private.places_in_queue(uuid[])",
            "lora_private.places_in_queue(uuid[])",
            "lora_private.replace_custom_metrics(uuid,integer,jsonb)",
            "lora_private.replace_points(uuid,integer,jsonb)",
            "lora_private.shares_of_similar_jobs(text,text,integer,numeric,double precision)",
            "lora_private.shares_of_similar_jobs(text,text,integer,numeric,double precision)",
        ]
    );
}

#[test]
fn every_table_has_row_level_security_and_one_policy_for_each_right() {
    let database = Database::migrated();
    let mut db = database.connect();
    let open = "select pg_class.oid::regclass::text from pg_class join pg_namespace on pg_namespace.oid = relnamespace
                where nspname in ('public', 'lora_private', 'lora_migrate') and relkind in ('r', 'p') and not relrowsecurity";
    assert_eq!(lines(&mut db, open), [""; 0]);
    // A granted operation without a policy fails, a second permissive policy widens the first.
    let odd = "select format('%s %s on %s: %s policies', role.name, command, relname, count(policy.oid))
               from unnest(array['authenticated', 'service_role']) as role (name)
               cross join
                 (values ('SELECT', 'r'), ('INSERT', 'a'), ('UPDATE', 'w'), ('DELETE', 'd')) as operation (command, letter)
               cross join pg_class left join pg_policy as policy on policy.polrelid = pg_class.oid
                 and policy.polcmd in (letter::\"char\", '*') and policy.polpermissive
                 and (policy.polroles = '{0}' or (select oid from pg_roles where rolname = role.name) = any (policy.polroles))
               where relnamespace = 'public'::regnamespace and relkind = 'r'
                 and (relname, command) <> ('training_jobs', 'DELETE')
               group by role.name, command, relname, pg_class.oid
               having count(policy.oid) <> has_table_privilege(role.name, pg_class.oid, command)::int
               order by 1";
    assert_eq!(lines(&mut db, odd), [""; 0]);
    let everybody = "select polname::text from pg_policy where polroles = '{0}' and polrelid::regclass::text not like 'lora_migrate.%'";
    assert_eq!(lines(&mut db, everybody), [""; 0]);
    // auth.uid() in a subquery is computed once and not for each row.
    let slow =
        "select polname::text from pg_policy, pg_get_expr(coalesce(polqual, polwithcheck), polrelid) as rule
                where rule ~ 'auth\\.uid\\(\\)' and rule !~ 'SELECT auth\\.uid\\(\\)'";
    assert_eq!(lines(&mut db, slow), [""; 0]);
}
