//! How an object of each shape is read. Each answers the example when no error was found in it.

mod alpaca;
mod chat;
mod completion;
pub(super) mod pairs;
mod sharegpt;
mod tools;

use super::check::Check;
use super::example::Example;
use super::json::Json;
use super::shape::Shape;
use std::borrow::Cow;

/// Reads an object of a shape. What is wrong with it is raised; an unsound example counts for nothing.
pub(super) fn read<'o>(shape: Shape, object: Json<'o>, check: &mut Check<'_, '_>) -> Option<Example<'o>> {
    match shape {
        Shape::Pairs => pairs::read(object, check),
        Shape::Turns => chat::read(object, &chat::TURNS, check),
        Shape::Messages => chat::read(object, &chat::MESSAGES, check),
        Shape::Conversations => chat::read(object, &chat::CONVERSATIONS, check),
        Shape::Sharegpt => sharegpt::read(object, check),
        Shape::Alpaca => alpaca::read(object, check),
        Shape::Completion => completion::read(object, check),
        // A document is no line; its pairs are read by `document`.
        Shape::Full | Shape::Individual => None,
    }
}

/// An id: text that says something, or a whole number that a double holds exactly.
pub(super) fn id<'o>(object: Json<'o>, key: &str) -> Option<Cow<'o, str>> {
    let value = object.get(key)?;
    let number = || value.number().filter(|id| id.fract() == 0.0 && id.abs() < 9e15);
    let text = value.text().filter(|id| !super::text::is_blank(id));
    text.map(Cow::Borrowed).or_else(|| number().map(|id| Cow::Owned(format!("{id}"))))
}
