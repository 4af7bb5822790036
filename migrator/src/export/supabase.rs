//! What the files for `supabase/migrations` say. Pure.
//!
//! Invariant: each file leaves what `migrate` leaves, its record included, and runs in the one transaction that
//! `supabase db push` gives it, or not at all. The text of a version's file is the same in every build.

use sha2::{Digest, Sha256};

use super::number::{self, Place};
use crate::declared::{self, What};
use crate::embedded::{self, BUILD_VERSION, FUNCTION_FILES, OLDEST_BUILD, PORTABLE_FILES, SqlFile, Version};
use crate::error::{Error, Exit};
use crate::provider::{self, Edition};
use crate::{buckets, layer, lock, settings};

/// A file for the folder of migrations.
pub struct Exported {
    /// 14 digits.
    pub number: String,
    /// What follows the number and an underscore; of a layer it is the same in every build.
    pub slug: String,
    /// What the file does, without what says so: another one is another file.
    pub content: String,
    pub text: String,
}

impl Exported {
    /// The name of the file.
    pub fn name(&self) -> String {
        format!("{}_{}", self.number, self.slug)
    }
}

/// How a file says what it does; on a line of its own.
pub const MARK: &str = "-- content: ";

/// Every file of this build, in the order in which they are applied.
pub fn files(edition: Edition) -> Result<Vec<Exported>, Error> {
    let mut files: Vec<Exported> = embedded::versions().iter().map(version).collect();
    let hash = |text: &str| hexadecimal(&Sha256::digest(text));
    let records = format!("{}{}", include_str!("../bootstrap.sql"), oldest_build());
    // A build that changes no function has no other layer of them, whatever its version.
    let same_functions = hash(&functions(""));
    let (slug, about, lora, same_lora) = match edition {
        Edition::Native => {
            let mark = provider::mark(edition);
            let text = fill(include_str!("extension.sql"), &[("build", BUILD_VERSION), ("mark", &mark)]);
            (slug_of(edition), "schema lora, from the extension", text, mark)
        }
        Edition::Portable => {
            let about = "schema lora, as its portable edition, replaced whole";
            (slug_of(edition), about, portable(BUILD_VERSION), hash(&portable("")))
        }
    };
    for (place, slug, about, body, content) in [
        (Place::Records, "records", "what the database keeps about pg_lora", records, None),
        (Place::Extension, slug, about, lora, Some(same_lora)),
        (
            Place::Functions,
            "functions",
            "the API, replaced whole",
            functions(BUILD_VERSION),
            Some(same_functions),
        ),
        (Place::Rules, "rules", "rules that hold for every row", rules(), None),
        (Place::Buckets, "buckets", "the two buckets, private", buckets::sql(), None),
    ] {
        let content = content.unwrap_or_else(|| hash(&body));
        files.push(of_layer(place, slug, about, &body, content)?);
    }
    Ok(files)
}

fn version(version: &Version) -> Exported {
    let Version { number: counted, name, checksum, sql, .. } = version;
    let number = number::of_version(*counted);
    let history = if *counted == 1 { include_str!("history.sql") } else { "" };
    let guard = guard(&number, *counted - 1, Some(*counted));
    let (content, begin) = (checksum.to_string(), begin(&number));
    let text = format!(
        "-- pg_lora, version {counted}. Written by pg-lora export --to supabase; not to be edited.\n\
         {MARK}{content}\n\
         {begin}{history}{guard}\n\
         {sql}\n\
         insert into lora_migrate.refinery_schema_history (version, name, applied_on, checksum)\n\
         values ({counted}, '{name}', pg_catalog.to_char(pg_catalog.clock_timestamp() at time zone 'UTC', \
         'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), '{checksum}');\n\
         notify pgrst, 'reload schema';\n"
    );
    let slug = format!("pg_lora_v{counted:04}_{name}.sql");
    Exported { number, slug, content, text }
}

fn of_layer(place: Place, slug: &str, about: &str, body: &str, content: String) -> Result<Exported, Error> {
    let last = embedded::versions().len() as i32;
    let number = number::of_layer(last, BUILD_VERSION, place).ok_or_else(|| {
        Error::new(Exit::Internal, format!("version {BUILD_VERSION} has no number among the migrations"))
    })?;
    let (begin, guard) = (begin(&number), guard(&number, last, None));
    let body = &body.replace("{number}", &number);
    let text = format!(
        "-- pg_lora {BUILD_VERSION}: {about}. Written by pg-lora export --to supabase; not to be edited.\n\
         {MARK}{content}\n\
         {begin}{guard}\n\
         {body}\n\
         notify pgrst, 'reload schema';\n"
    );
    Ok(Exported { number, slug: format!("pg_lora_{slug}.sql"), content, text })
}

fn begin(number: &str) -> String {
    fill(include_str!("begin.sql"), &[("number", number)])
}

/// Refuses a file that runs in the wrong way, at the wrong time or beside another runner.
fn guard(number: &str, needs: i32, makes: Option<i32>) -> String {
    let there = makes.map_or("false".to_owned(), |version| format!("{version} = any (recorded)"));
    let missing = match makes {
        // A later version is not of this history.
        Some(_) => format!("recorded <> array(select pg_catalog.generate_series(1, {needs}))"),
        None => format!("not recorded @> array(select pg_catalog.generate_series(1, {needs}))"),
    };
    fill(
        include_str!("guard.sql"),
        &[
            ("number", number),
            ("lock", &lock::KEY.to_string()),
            ("there", &there),
            ("version", &makes.unwrap_or_default().to_string()),
            ("missing", &missing),
            ("needs", &needs.to_string()),
        ],
    )
}

fn oldest_build() -> String {
    format!("{};\n", settings::RAISE_OLDEST_BUILD.replace("$1", &format!("'{OLDEST_BUILD}'")))
}

fn functions(build: &str) -> String {
    layer_of(layer::FUNCTIONS, &embedded::functions_hash(), build, FUNCTION_FILES, ["", ""])
}

/// Only parts of an older one go first, and come again with their file: what is called from outside stays where it is.
fn portable(build: &str) -> String {
    let mark = provider::mark(Edition::Portable);
    let layer = [" where identity like 'lora.\\_%'", "\n    order by old.type <> 'aggregate'"];
    let files = layer_of(provider::LAYER, &mark, build, PORTABLE_FILES, layer);
    format!("{}{files}", include_str!("portable.sql"))
}

fn layer_of(name: &str, mark: &str, build: &str, files: &[SqlFile], [cleared, order]: [&str; 2]) -> String {
    let values = [
        ("layer", name),
        ("hash", mark),
        ("build", build),
        ("made", layer::MADE),
        ("cleared", cleared),
        ("order", order),
    ];
    let mut text = fill(include_str!("layer_begin.sql"), &values);
    for file in files {
        text.push_str(&format!("\n-- {}\n{}", file.path, file.text));
    }
    text.push('\n');
    text.push_str(&fill(include_str!("layer_end.sql"), &values));
    text
}

/// How the file of an edition is called.
pub fn slug_of(edition: Edition) -> &'static str {
    match edition {
        Edition::Native => "extension",
        Edition::Portable => "portable",
    }
}

fn rules() -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let (mut constraints, mut indexes) = (Vec::new(), Vec::new());
    for item in declared::all() {
        match &item.what {
            What::Constraint { table, name, .. } => {
                constraints.push(format!("      ({}, {})", quoted(table), quoted(name)));
            }
            What::Index { table, name, unique: Some(_), statement, .. } => {
                let schema = table.split_once('.').map_or("public", |(schema, _)| schema);
                let name = quoted(&format!("{schema}.{name}"));
                indexes.push(format!("      ({name}, {})", quoted(statement)));
            }
            _ => {}
        }
    }
    constraints.sort();
    constraints.dedup();
    let (constraints, indexes) = (constraints.join(",\n"), indexes.join(",\n"));
    fill(include_str!("rules.sql"), &[("constraints", &constraints), ("indexes", &indexes)])
}

/// The template with its `{names}` replaced.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::files;
    use crate::provider::Edition;
    use crate::sql_text;

    #[test]
    fn files_are_in_their_order_and_hold_no_transaction_statement() {
        for edition in [Edition::Native, Edition::Portable] {
            in_order(&files(edition).unwrap());
        }
    }

    fn in_order(files: &[super::Exported]) {
        let names: Vec<String> = files.iter().map(super::Exported::name).collect();
        assert!(names.is_sorted(), "{names:?}");
        for file in files {
            assert_eq!(sql_text::refusals(&file.text), [], "{}", file.name());
            for left in [
                "{number}",
                "{lock}",
                "{hash}",
                "{build}",
                "{mark}",
                "{made}",
                "{constraints}",
                "{indexes}",
                "{layer}",
                "{cleared}",
                "{order}",
                "$1",
            ] {
                let found = file.text.contains(left)
                    && !super::embedded::versions().iter().any(|v| v.sql.contains(left));
                assert!(!found || left == "$1", "{}: {left}", file.name());
            }
        }
    }
}
