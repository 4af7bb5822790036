//! `supabase gen types` of the same database: ours is assignable to what it writes, and that to ours after one list of what ours says more
//! exactly (`overrides.ts`).

use std::process::Command;

use pg_lora_tests::javascript::Project;
use pg_lora_tests::{Options, Outcome, environment};

use super::project;

const NAME: &str = "types";

/// What the CLI writes of a database that this build has migrated.
fn theirs(project: &Project) -> String {
    let cluster = Options::default().tcp().start(&environment::tree().unwrap()).unwrap();
    cluster.create_database(NAME).unwrap();
    cluster.connect(NAME).unwrap().batch_execute("alter role postgres password 'project'").unwrap();
    Outcome::of_pg_lora(&cluster.url(NAME), &["migrate", "--platform", "standalone"]).expect(0);
    let mut command = Command::new(environment::supabase().unwrap());
    let url = cluster.address().tcp_url(NAME, "postgres", "project");
    command.args(["gen", "types", "--lang", "typescript", "--schema", "public", "--db-url", &url]);
    command.current_dir(project.path()).env("PGSSLMODE", "disable").env("HOME", project.path());
    Outcome::of(&mut command).expect(0).stdout
}

#[test]
fn ours_and_that_of_the_cli_are_assignable_both_ways() {
    let project = project();
    let theirs = theirs(&project);
    project.write("cli.ts", &theirs);
    project.write("overrides.ts", include_str!("overrides.ts"));
    project.write("supabase_cli.ts", include_str!("supabase_cli.ts"));
    project.compile_alone(&["supabase_cli.ts"], &["--module", "nodenext"]).expect(0);

    // A comparison that takes everything would say nothing.
    for (was, is) in [
        ("\"file_size\": number", "\"file_size\": string"),
        ("\"retry_count\": number", "\"retry_counter\": number"),
        ("\"worker\": string", "\"worker\"?: number"),
        ("isOneToOne: true\n      referencedRelation", "isOneToOne: false\n      referencedRelation"),
    ] {
        assert!(theirs.contains(was), "{was}");
        project.write("cli.ts", &theirs.replace(was, is));
        let outcome = project.compile_alone(&["supabase_cli.ts"], &["--module", "nodenext"]);
        assert!(outcome.stdout.contains("supabase_cli.ts("), "{was} → {is}: {}", outcome.stdout);
    }
}
