//! supabase-js with our `Database`: what its requests answer has exactly the types that are expected, and what is wrong does not compile.

use super::project;

const PROGRAM: &str = include_str!("clients.ts");
const OPTIONS: [&str; 4] = ["--module", "nodenext", "--types", "node"];

#[test]
fn requests_have_the_types_of_their_answers() {
    assert!(!PROGRAM.contains(": any") && !PROGRAM.contains("as any") && !PROGRAM.contains("<any"));
    let project = project();
    project.write("clients.ts", PROGRAM);
    project.compile(&["clients.ts"], &OPTIONS).expect(0);
}

#[test]
fn what_is_wrong_does_not_compile() {
    let project = project();
    for (number, (was, is)) in [
        ("'id, status, validation_errors'", "'id, status, validation_error'"),
        (".in('status', ['ready', 'error'])", ".in('status', ['ready', 'banana'])"),
        ("{ worker: 'w' }", "{ worcer: 'w' }"),
        ("preset_id: 'fast'", "preset_id: 'huge'"),
        ("dataset:datasets(id, name)", "dataset:dataset(id, name)"),
        ("{ status: 'cancelled' }", "{ status: 'canceled' }"),
        ("'training_job_health', { job_id: job }", "'training_job_health', { job_id: 7 }"),
        ("training_loss: 'NaN'", "training_loss: 'nan'"),
        ("status: JobStatus; final_cost: number | null }", "status: string; final_cost: number | null }"),
        (
            "job:training_jobs!job_id(id, status, final_cost)",
            "job:training_jobs!job_id(id, status, final_price)",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(PROGRAM.contains(was), "{was}");
        let file = format!("wrong_{number}.ts");
        project.write(&file, &PROGRAM.replacen(was, is, 1));
    }
    let files: Vec<String> = (0..10).map(|number| format!("wrong_{number}.ts")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let outcome = project.compile(&files, &OPTIONS);
    for file in files {
        assert!(outcome.stdout.contains(&format!("{file}(")), "{file} compiles: {}", outcome.stdout);
    }
}
