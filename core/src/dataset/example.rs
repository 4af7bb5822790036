//! What every shape is reduced to: messages with roles, and the rules on their order and length.

use super::check::Check;
use super::hash;
use super::path::Path;
use super::rules::{roles, window};
use super::tokens::Tokens;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A role of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Role {
    System,
    User,
    Assistant,
    Tool,
}

impl Role {
    pub const ALL: [Role; 4] = [Role::System, Role::User, Role::Assistant, Role::Tool];

    /// The role of a name, those of OpenAI's older and newer chats included.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "system" | "developer" => Some(Role::System),
            "user" => Some(Role::User),
            "assistant" => Some(Role::Assistant),
            "tool" | "function" => Some(Role::Tool),
            _ => None,
        }
    }

    /// The role that other tools' names for it mean.
    pub fn meant_by(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "user" | "human" | "customer" | "client" | "prompter" => Some(Role::User),
            "assistant" | "gpt" | "chatgpt" | "bot" | "model" | "ai" | "chatbot" => Some(Role::Assistant),
            "system" | "developer" => Some(Role::System),
            "tool" | "function" | "observation" => Some(Role::Tool),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        }
    }
}

/// A message that could be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'o> {
    pub role: Role,
    /// `None` for a message that only calls tools.
    pub text: Option<&'o str>,
    /// Whether its weight keeps it out of the loss.
    pub is_weightless: bool,
    /// Hash of its tool calls; 0 without any.
    pub calls: u64,
    /// Whether it is the second part of the message before it.
    pub continues: bool,
}

impl<'o> Message<'o> {
    pub fn new(role: Role, text: &'o str) -> Self {
        Self { role, text: Some(text), is_weightless: false, calls: 0, continues: false }
    }

    pub fn tokens(&self) -> Tokens {
        self.text.map(Tokens::of).unwrap_or_default()
    }

    fn chained(&self, before: u64) -> u64 {
        hash::chain(before ^ self.calls ^ self.role as u64, self.text.unwrap_or_default())
    }
}

/// A sound example: one line, or one pair of a document.
#[derive(Debug, Default)]
pub(super) struct Example<'o> {
    pub id: Option<Cow<'o, str>>,
    /// `None` when the shape has no ids of conversations: the example is one of its own.
    pub conversation: Option<Cow<'o, str>>,
    /// Hash of what is said about the conversation; 0 for nothing.
    pub metadata: u32,
    /// Its number in the conversation; 0 for none.
    pub turn: u32,
    pub is_validation: bool,
    /// Messages that the model sees and that belong to other examples: they cost tokens and count for nothing.
    pub context: Vec<Message<'o>>,
    /// Messages of this example.
    pub messages: Vec<Message<'o>>,
}

/// What an example's messages are worth.
pub(super) struct Measured {
    /// Trainable pairs: assistant messages that directly follow a user message and have a weight.
    pub pairs: u64,
    /// Content tokens by role, in the order of [`Role::ALL`].
    pub by_role: [Tokens; 4],
    /// User and assistant messages.
    pub messages: u32,
    /// What the example costs in an epoch.
    pub sequence: Tokens,
    /// Hash of everything before the last assistant message, and of that message.
    pub prompt: u64,
    pub reply: u64,
}

impl Example<'_> {
    /// Measures the example and says when it is longer than the window.
    pub fn measure(&self, check: &mut Check<'_, '_>) -> Measured {
        let mut measured = Measured {
            pairs: 0,
            by_role: [Tokens::default(); 4],
            messages: 0,
            sequence: Tokens::default(),
            prompt: 0,
            reply: 0,
        };
        for message in &self.context {
            measured.sequence.add(message.tokens());
            measured.prompt = message.chained(measured.prompt);
        }
        let last_reply = self.messages.iter().rposition(|message| message.role == Role::Assistant);
        let mut before_reply = Tokens::default();
        let mut previous = None;
        for (index, message) in self.messages.iter().enumerate() {
            let tokens = message.tokens();
            if Some(index) == last_reply {
                before_reply = measured.sequence;
                measured.reply = message.chained(0);
            } else {
                measured.prompt = message.chained(measured.prompt);
            }
            measured.sequence.add(tokens);
            measured.by_role[message.role as usize].add(tokens);
            let is_turn = matches!(message.role, Role::User | Role::Assistant) && !message.continues;
            measured.messages += u32::from(is_turn);
            measured.pairs += u64::from(
                message.role == Role::Assistant && previous == Some(Role::User) && !message.is_weightless,
            );
            previous = Some(message.role);
        }
        let (tokens, limit) = (measured.sequence.count(), check.options.window());
        if tokens > limit {
            let (root, lost) = (check.root(), tokens - limit);
            let error =
                format_args!("the example has about {tokens} tokens, the window {limit}: {lost} are lost");
            check.raise(&window::WINDOW_OVERFLOW, &root, error);
            let before = before_reply.count();
            if last_reply.is_some() && before >= limit {
                let error =
                    format_args!("about {before} tokens stand before the last reply, the window has {limit}");
                check.raise(&window::REPLY_TRUNCATED, &root, error);
            }
        }
        measured
    }
}

/// The rules on the order of roles. `None` is a role that is not known: nothing more is said about such a
/// conversation.
pub(super) fn check_order(roles: &[Option<Role>], list: &Path<'_>, check: &mut Check<'_, '_>) {
    let Some(known) = roles.iter().copied().collect::<Option<Vec<Role>>>() else { return };
    if !known.contains(&Role::Assistant) {
        check.raise(
            &roles::NO_ASSISTANT_MESSAGE,
            list,
            format_args!("the conversation has no assistant message"),
        );
    } else if known.last() != Some(&Role::Assistant) {
        let last = list.index(known.len() - 1);
        check.raise(
            &roles::LAST_NOT_ASSISTANT,
            &last,
            format_args!("the last message is not the assistant's"),
        );
    }
    if let Some(index) = known.iter().skip(1).position(|role| *role == Role::System) {
        let error = format_args!("a system message stands after the first message");
        check.raise(&roles::SYSTEM_NOT_FIRST, &list.index(index + 1), error);
    }
    if let Some(index) =
        known.iter().position(|role| *role != Role::System).filter(|&index| known[index] != Role::User)
    {
        let error = format_args!("the conversation begins with \"{}\"", known[index].name());
        check.raise(&roles::FIRST_NOT_USER, &list.index(index), error);
    }
    // Several tools may answer one after the other.
    if let Some(index) = known.windows(2).position(|two| two[0] == two[1] && two[0] != Role::Tool) {
        let error = format_args!("two messages of \"{}\" in a row", known[index].name());
        check.raise(&roles::ROLES_NOT_ALTERNATING, &list.index(index + 1), error);
    }
}

/// The rule on weights: with all of them 0 there is nothing to learn.
pub(super) fn check_weights(messages: &[Message<'_>], list: &Path<'_>, check: &mut Check<'_, '_>) {
    let mut replies = messages.iter().filter(|message| message.role == Role::Assistant).peekable();
    if replies.peek().is_some() && replies.all(|message| message.is_weightless) {
        let error = format_args!("all assistant messages have weight 0");
        check.raise(&roles::ALL_WEIGHTS_ZERO, list, error);
    }
}
