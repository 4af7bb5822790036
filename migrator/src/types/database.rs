//! `database.ts`: the type `Database` for `createClient<Database>()`, in the shape that the Supabase CLI gives it.

use std::fmt::Write as _;

use serde_json::Value;

use super::described::{Described, row_name};
use super::live::{Column, Composite, Function, Kind, Live, Relation};
use super::{HEAD, script};

/// Names of the types that the file takes from its neighbour are collected while it is written.
struct Writer<'a> {
    live: &'a Live,
    described: &'a Described,
    /// Tables of ours, whose rows are declared in the other file.
    tables: &'a [String],
    imported: Vec<String>,
}

/// The file. Whoever has no types of his own in the schema has no constants either.
pub fn file(live: &Live, described: &Described, tables: &[String]) -> String {
    let mut writer = Writer { live, described, tables, imported: vec!["Json".to_owned()] };
    let (views, relations): (Vec<_>, Vec<_>) = live.relations.iter().partition(|relation| relation.is_view);
    let mut body = String::from(
        "/** Schema `public`, for `createClient<Database>()`. */\nexport type Database = {\n  public: {\n",
    );
    section(&mut body, "Tables", relations.iter().map(|relation| writer.relation(relation)));
    section(&mut body, "Views", views.iter().map(|relation| writer.relation(relation)));
    section(&mut body, "Functions", writer.functions().into_iter());
    section(&mut body, "Enums", live.enumerations.iter().map(|name| enumeration(live, name)));
    section(&mut body, "CompositeTypes", live.composites.iter().map(|composite| writer.composite(composite)));
    body.push_str("  };\n};\n");
    writer.imported.sort();
    let names: Vec<String> = writer.imported.iter().map(|name| format!("  {name},\n")).collect();
    let mut text = format!(
        "{HEAD}\nimport type {{\n{}}} from './lora-training.js';\n\nexport type {{ Json }};\n\n{body}{HELPERS}",
        names.concat()
    );
    if !live.enumerations.is_empty() {
        text.push_str(&constants(live));
    }
    text
}

fn section(text: &mut String, name: &str, items: impl Iterator<Item = String>) {
    let items: String = items.collect();
    match items.is_empty() {
        true => writeln!(text, "    {name}: {{ [_ in never]: never }};").expect("a String"),
        false => write!(text, "    {name}: {{\n{items}    }};\n").expect("a String"),
    }
}

impl Writer<'_> {
    fn relation(&mut self, relation: &Relation) -> String {
        let name = script::key(&relation.name);
        let mut text = script::comment(relation.comment.as_deref(), "      ");
        writeln!(text, "      {name}: {{").expect("a String");
        if self.tables.contains(&relation.name) {
            let row = self.import(row_name(&relation.name));
            writeln!(text, "        Row: {row};").expect("a String");
        } else {
            let members = relation.columns.iter().map(|column| {
                let of = self.nullable(self.kind(&self.live.kind(&column.r#type)), relation, column);
                (column.name.as_str(), "", of)
            });
            object(&mut text, "Row", members);
        }
        if !relation.is_view {
            let written: Vec<_> =
                relation.columns.iter().map(|column| (column, self.written(relation, column))).collect();
            let inserted = written.iter().map(|(column, of)| {
                let may_be_left_out = column.is_always_generated
                    || column.has_default
                    || self.is_filled(relation, column)
                    || self.live.is_nullable(relation, column);
                (column.name.as_str(), if may_be_left_out { "?" } else { "" }, of.clone())
            });
            object(&mut text, "Insert", inserted);
            object(
                &mut text,
                "Update",
                written.iter().map(|(column, of)| (column.name.as_str(), "?", of.clone())),
            );
        }
        text.push_str(&relationships(relation));
        text + "      };\n"
    }

    fn is_filled(&self, relation: &Relation, column: &Column) -> bool {
        self.tables.contains(&relation.name) && self.described.is_filled(&relation.name, &column.name)
    }

    /// What may be written to a column.
    fn written(&mut self, relation: &Relation, column: &Column) -> String {
        if column.is_always_generated {
            return "never".to_owned();
        }
        let of = match self.described.written(&relation.name, &column.name) {
            Some(schema) if self.tables.contains(&relation.name) => self.described(schema, "          "),
            _ => self.kind(&self.live.kind(&column.r#type)),
        };
        self.nullable(of, relation, column)
    }

    fn nullable(&self, of: String, relation: &Relation, column: &Column) -> String {
        script::nullable(of, self.live.is_nullable(relation, column))
    }

    /// One entry for each name: PostgREST chooses among those of one name by their arguments.
    fn functions(&mut self) -> Vec<String> {
        let mut entries = Vec::new();
        let live = self.live;
        for of_name in live.functions.chunk_by(|a, b| a.name == b.name) {
            let mut text = script::comment(of_name[0].comment.as_deref(), "      ");
            write!(text, "      {}:", script::key(&of_name[0].name)).expect("a String");
            for function in of_name {
                if of_name.len() > 1 {
                    text.push_str("\n        |");
                }
                text.push(' ');
                text.push_str(&self.function(function));
            }
            entries.push(text + ";\n");
        }
        entries
    }

    fn function(&mut self, function: &Function) -> String {
        let mut text = String::from("{\n");
        if function.arguments.is_empty() {
            text.push_str("        Args: never;\n");
        } else {
            let arguments: Vec<_> = function
                .arguments
                .iter()
                .map(|argument| {
                    let of = match self.described.argument(&function.name, &argument.name) {
                        Some(schema) => self.described(schema, "          "),
                        None => self.kind(&self.live.kind(&argument.r#type)),
                    };
                    (argument.name.as_str(), if argument.has_default { "?" } else { "" }, of)
                })
                .collect();
            object(&mut text, "Args", arguments.into_iter());
        }
        let live = self.live;
        let kind = live.kind(&function.returns);
        let of = match self.described.result(&function.name) {
            Some(schema) => self.described(schema, "        "),
            None if !function.columns.is_empty() => self.columns(&function.columns),
            None if function.returns == RECORD => "Record<string, unknown>".to_owned(),
            None => self.kind(&kind),
        };
        let of = if function.is_set { script::array(&of) } else { of };
        writeln!(text, "        Returns: {of};").expect("a String");
        if let Kind::Row { relation, .. } = kind {
            let to = script::literal(relation);
            write!(
                text,
                "        SetofOptions: {{\n          from: '*';\n          to: {to};\n          isOneToOne: {};\n          \
                 isSetofReturn: {};\n        }};\n",
                !function.is_set, function.is_set
            )
            .expect("a String");
        }
        text + "      }"
    }

    fn composite(&self, composite: &Composite) -> String {
        format!("      {}: {};\n", script::key(&composite.name), self.columns(&composite.columns))
    }

    /// The catalogue does not say what of it may be NULL.
    fn columns(&self, columns: &[super::live::Field]) -> String {
        let members = columns.iter().map(|column| {
            format!("{}: {}", script::key(&column.name), self.kind(&self.live.kind(&column.r#type)))
        });
        format!("{{ {} }}", members.collect::<Vec<_>>().join("; "))
    }

    fn described(&mut self, schema: &Value, indent: &str) -> String {
        self.import_all(schema);
        script::of(schema, indent)
    }

    fn import_all(&mut self, schema: &Value) {
        match schema {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    self.import(reference.rsplit('/').next().unwrap_or_default().to_owned());
                }
                members.values().for_each(|inner| self.import_all(inner));
            }
            Value::Array(items) => items.iter().for_each(|item| self.import_all(item)),
            _ => {}
        }
    }

    fn import(&mut self, name: String) -> String {
        if !self.imported.contains(&name) {
            self.imported.push(name.clone());
        }
        name
    }

    fn kind(&self, kind: &Kind) -> String {
        match kind {
            Kind::Boolean => "boolean".to_owned(),
            Kind::Number => "number".to_owned(),
            Kind::Text => "string".to_owned(),
            Kind::Json => "Json".to_owned(),
            Kind::Nothing => "undefined".to_owned(),
            Kind::Unknown => "unknown".to_owned(),
            Kind::Array(of) => script::array(&self.kind(of)),
            Kind::Words(words) => script::union(words.iter().map(|word| script::literal(word))),
            Kind::Enumeration(name) => member("Enums", name),
            Kind::Composite(name) => member("CompositeTypes", name),
            Kind::Row { relation, is_view: true } => member("Views", relation) + "['Row']",
            Kind::Row { relation, .. } => member("Tables", relation) + "['Row']",
        }
    }
}

/// `record`, of which only the columns of its function say what it is.
const RECORD: &str = "2249";

fn member(section: &str, name: &str) -> String {
    format!("Database['public']['{section}'][{}]", script::literal(name))
}

fn object<'m>(text: &mut String, name: &str, members: impl Iterator<Item = (&'m str, &'m str, String)>) {
    writeln!(text, "        {name}: {{").expect("a String");
    for (member, mark, of) in members {
        writeln!(text, "          {}{mark}: {of};", script::key(member)).expect("a String");
    }
    text.push_str("        };\n");
}

fn relationships(relation: &Relation) -> String {
    if relation.references.is_empty() {
        return "        Relationships: [];\n".to_owned();
    }
    let mut text = String::from("        Relationships: [\n");
    let list =
        |names: &[String]| names.iter().map(|name| script::literal(name)).collect::<Vec<_>>().join(", ");
    for reference in &relation.references {
        write!(
            text,
            "          {{\n            foreignKeyName: {};\n            columns: [{}];\n            isOneToOne: {};\n            \
             referencedRelation: {};\n            referencedColumns: [{}];\n          }},\n",
            script::literal(&reference.name),
            list(&reference.columns),
            reference.is_one_to_one,
            script::literal(&reference.relation),
            list(&reference.referenced_columns),
        )
        .expect("a String");
    }
    text + "        ];\n"
}

fn enumeration(live: &Live, name: &str) -> String {
    let labels = live.labels(name).iter().map(|label| script::literal(label));
    format!("      {}: {};\n", script::key(name), script::union(labels))
}

fn constants(live: &Live) -> String {
    let mut text = String::from(
        "\n/** What enumerations consist of. */\nexport const Constants = {\n  public: {\n    Enums: {\n",
    );
    for name in &live.enumerations {
        let labels: Vec<String> = live.labels(name).iter().map(|label| script::literal(label)).collect();
        writeln!(text, "      {}: [{}],", script::key(name), labels.join(", ")).expect("a String");
    }
    text + "    },\n  },\n} as const;\n"
}

/// The names that code written for the Supabase CLI's file knows.
const HELPERS: &str = "
type SchemaName = keyof Database;
type OfSchema<Name extends SchemaName> = Database[Name];
type Relations<Name extends SchemaName> = OfSchema<Name>['Tables'] & OfSchema<Name>['Views'];
type InSchema = { schema: SchemaName };

/** A row as it is read: `Tables<'datasets'>`, or `Tables<{ schema: 'public' }, 'datasets'>`. */
export type Tables<
  Name extends keyof Relations<'public'> | InSchema,
  Inner extends Name extends InSchema ? keyof Relations<Name['schema']> : never = never,
> = Name extends InSchema
  ? Relations<Name['schema']>[Inner] extends { Row: infer Row } ? Row : never
  : Name extends keyof Relations<'public'>
    ? Relations<'public'>[Name] extends { Row: infer Row } ? Row : never
    : never;

/** A row as it is inserted. */
export type TablesInsert<
  Name extends keyof OfSchema<'public'>['Tables'] | InSchema,
  Inner extends Name extends InSchema ? keyof OfSchema<Name['schema']>['Tables'] : never = never,
> = Name extends InSchema
  ? OfSchema<Name['schema']>['Tables'][Inner] extends { Insert: infer Insert } ? Insert : never
  : Name extends keyof OfSchema<'public'>['Tables']
    ? OfSchema<'public'>['Tables'][Name] extends { Insert: infer Insert } ? Insert : never
    : never;

/** What an update changes. */
export type TablesUpdate<
  Name extends keyof OfSchema<'public'>['Tables'] | InSchema,
  Inner extends Name extends InSchema ? keyof OfSchema<Name['schema']>['Tables'] : never = never,
> = Name extends InSchema
  ? OfSchema<Name['schema']>['Tables'][Inner] extends { Update: infer Update } ? Update : never
  : Name extends keyof OfSchema<'public'>['Tables']
    ? OfSchema<'public'>['Tables'][Name] extends { Update: infer Update } ? Update : never
    : never;

/** A word of an enumeration. */
export type Enums<
  Name extends keyof OfSchema<'public'>['Enums'] | InSchema,
  Inner extends Name extends InSchema ? keyof OfSchema<Name['schema']>['Enums'] : never = never,
> = Name extends InSchema
  ? OfSchema<Name['schema']>['Enums'][Inner]
  : Name extends keyof OfSchema<'public'>['Enums'] ? OfSchema<'public'>['Enums'][Name] : never;

/** A value of a composite type. */
export type CompositeTypes<
  Name extends keyof OfSchema<'public'>['CompositeTypes'] | InSchema,
  Inner extends Name extends InSchema ? keyof OfSchema<Name['schema']>['CompositeTypes'] : never = never,
> = Name extends InSchema
  ? OfSchema<Name['schema']>['CompositeTypes'][Inner]
  : Name extends keyof OfSchema<'public'>['CompositeTypes'] ? OfSchema<'public'>['CompositeTypes'][Name] : never;
";
