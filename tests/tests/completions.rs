//! `pg-lora completions`: scripts that a shell understands, and that complete.

use std::process::Command;

use pg_lora_tests::{Outcome, program};

const SHELLS: [&str; 5] = ["bash", "zsh", "fish", "elvish", "powershell"];

fn script(shell: &str) -> String {
    let outcome = Outcome::of(&mut program::pg_lora(&["completions", shell])).expect(0);
    assert_eq!(outcome.stderr, "");
    outcome.stdout
}

#[test]
fn every_shell_has_a_script_of_every_command() {
    let help = Outcome::of(&mut program::pg_lora(&["--help"])).expect(0).stdout;
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands: Vec<&str> = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert!(commands.contains(&"migrate") && commands.contains(&"completions"), "{commands:?}");
    for shell in SHELLS {
        let script = script(shell);
        for command in &commands {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    let answer =
        Outcome::of(&mut program::pg_lora(&["completions", "bash", "--output", "json"])).expect(0).json();
    assert_eq!(answer["shell"], "bash");
    assert_eq!(answer["script"].as_str().unwrap().trim_end(), script("bash").trim_end());
    Outcome::of(&mut program::pg_lora(&["completions", "tcsh"])).expect(2);
}

#[test]
fn bash_completes_with_it() {
    let complete = |words: &[&str]| {
        let (last, before) = words.split_last().unwrap();
        let previous = before.last().unwrap();
        let line = format!(
            "{}\nCOMP_WORDS=({}); COMP_CWORD={}\n\
             set -- $(complete -p pg-lora)\n\
             while [ \"$1\" != -F ]; do shift; done\n\
             \"$2\" pg-lora '{last}' '{previous}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            script("bash"),
            words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
            words.len() - 1,
        );
        Outcome::of(Command::new("bash").args(["--norc", "-c", &line])).expect(0).stdout
    };
    assert_eq!(complete(&["pg-lora", "mig"]), "migrate\n");
    assert!(complete(&["pg-lora", "migrate", "--pl"]).contains("--platform"));
    assert_eq!(complete(&["pg-lora", "migrate", "--platform", "st"]), "standalone\n");
    assert_eq!(complete(&["pg-lora", "completions", "fi"]), "fish\n");
}
