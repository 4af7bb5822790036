//! Fields of a line's object, and what may be wrong with any of them.

use super::findings::Place;
use super::json::{Json, Object};
use super::message::{Role, cut, is_blank};
use super::rules;
use super::tally::Tally;

/// A field that has to hold text that says something. What is wrong with it is raised here, at `path`.
pub(super) fn required_text<'o>(
    object: &'o Object<'_>,
    key: &str,
    path: &str,
    place: Place<'_>,
    tally: &mut Tally,
) -> Option<&'o str> {
    match object.get(key) {
        Some(Json::Text(text)) if is_blank(text) => {
            tally.findings.raise(&rules::EMPTY_CONTENT, place, Some(path), format!("\"{path}\" is empty"));
            None
        }
        Some(Json::Text(text)) => Some(text),
        Some(other) => {
            wrong_type(path, "text", other, place, tally);
            None
        }
        None => {
            missing(path, place, tally);
            None
        }
    }
}

/// A field that has to be there is not.
pub(super) fn missing(path: &str, place: Place<'_>, tally: &mut Tally) {
    tally.findings.raise(&rules::MISSING_FIELD, place, Some(path), format!("\"{path}\" is missing"));
}

/// A field holds something else than it has to.
pub(super) fn wrong_type(path: &str, expected: &str, found: &Json<'_>, place: Place<'_>, tally: &mut Tally) {
    tally.findings.raise(
        &rules::WRONG_TYPE,
        place,
        Some(path),
        format!("\"{path}\" is {}, {expected} is expected", found.type_name()),
    );
}

/// The role of a message. One that other tools use is refused with the name that is meant.
pub(super) fn role(message: &Object<'_>, path: &str, place: Place<'_>, tally: &mut Tally) -> Option<Role> {
    let name = match message.get("role") {
        Some(Json::Text(name)) => name,
        Some(other) => {
            wrong_type(path, "text", other, place, tally);
            return None;
        }
        None => {
            missing(path, place, tally);
            return None;
        }
    };
    let role = Role::of(name);
    if role.is_none() {
        let error = format!("\"{path}\" is \"{}\", which is no known role", cut(name, 40));
        match Role::meant_by(name) {
            Some(meant) => {
                let suggestion = format!("Use \"{}\" in place of \"{}\".", meant.name(), cut(name, 40));
                tally.findings.raise_with(&rules::UNKNOWN_ROLE, place, Some(path), error, &suggestion);
            }
            None => tally.findings.raise(&rules::UNKNOWN_ROLE, place, Some(path), error),
        }
    }
    role
}
