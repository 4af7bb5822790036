//! Databases differ in what they give to new objects by themselves, and in what is there already.

use pg_lora_tests::Database;

use crate::{catalogue, matrix};

/// A database before it is migrated.
pub struct World {
    /// What it does, as a line of the matrix.
    pub name: &'static str,
    sql: &'static str,
    /// Whether the specification's SQL was run by hand.
    seeded: bool,
}

/// Everything in `public` is granted to the roles of the API, as on an older Supabase project.
pub const LEGACY: &str = "
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to anon, authenticated, service_role";

/// All that differ from a plain database.
pub const WORLDS: [World; 7] = [
    World {
        name: "everything in `public` is granted to the API's roles, as on an older Supabase project",
        sql: LEGACY,
        seeded: false,
    },
    World {
        name: "nothing but truncate is granted, as on a newer one",
        sql: "
alter default privileges in schema public grant truncate, references, trigger on tables to anon, authenticated, service_role;
alter default privileges revoke execute on functions from public",
        seeded: false,
    },
    World {
        name: "row-level security is switched on for every new table, by an event trigger",
        sql: "
create function public.secure_new_table() returns event_trigger language plpgsql as $$
declare made record;
begin
  for made in select * from pg_event_trigger_ddl_commands() where object_type = 'table' loop
    execute format('alter table %s enable row level security', made.object_identity);
  end loop;
end $$;
create event trigger secure_new_table on ddl_command_end when tag in ('CREATE TABLE') execute function public.secure_new_table()",
        seeded: false,
    },
    World {
        name: "everything in every schema is granted to everybody, schemas included",
        sql: "
alter default privileges grant all on tables to public, anon, authenticated, service_role;
alter default privileges grant all on functions to public, anon, authenticated, service_role;
alter default privileges grant all on schemas to public, anon, authenticated, service_role",
        seeded: false,
    },
    World {
        name: "everybody may create in `public`, as before PostgreSQL 15",
        sql: "grant all on schema public to public",
        seeded: false,
    },
    World {
        name: "nobody has any right in `public`",
        sql: "revoke all on schema public from public",
        seeded: false,
    },
    World {
        name: "an older Supabase project where the specification's SQL was run by hand",
        sql: LEGACY,
        seeded: true,
    },
];

impl World {
    /// A database of this kind, migrated.
    pub fn migrated(&self) -> Database {
        let database = if self.seeded {
            Database::seeded(self.sql)
        } else {
            let database = Database::empty();
            database.connect().batch_execute(self.sql).unwrap();
            database
        };
        database.pg_lora(&["migrate", "--platform", "standalone"]).expect(0);
        database
    }
}

/// What the worlds themselves have made is their own.
fn is_ours(right: &str) -> bool {
    !right.contains("secure_new_table")
        && !right.contains("update_updated_at_column")
        && !right.ends_with("CREATE on public")
}

#[test]
fn everybody_has_the_same_rights_in_every_world() {
    let rights = |database: &Database| -> Vec<String> {
        catalogue::effective_rights(&mut database.connect())
            .into_iter()
            .filter(|right| is_ours(right))
            .collect()
    };
    let usual = rights(&Database::migrated());
    assert!(usual.iter().any(|right| right == "authenticated: SELECT on public.datasets"), "{usual:?}");
    for world in &WORLDS {
        let database = world.migrated();
        assert_eq!(rights(&database), usual, "{}", world.name);
        let (_, wrong) = matrix::tried(&mut database.connect());
        assert!(wrong.is_empty(), "{}: {} cells:\n{}", world.name, wrong.len(), wrong.join("\n"));
        database.pg_lora(&["status", "--check"]).expect(0);
    }
}
