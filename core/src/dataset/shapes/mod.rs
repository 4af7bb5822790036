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

/// An id: text that says something, or a whole number as its writer put it.
fn id<'o>(object: Json<'o>, key: &str) -> Option<&'o str> {
    object.get(key).and_then(Json::text).filter(|id| !super::text::is_blank(id))
}
