//! What messages are made of: roles, and text that says something.

/// A role of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    System,
    User,
    Assistant,
}

impl Role {
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "system" => Some(Role::System),
            "user" => Some(Role::User),
            "assistant" => Some(Role::Assistant),
            _ => None,
        }
    }

    /// The role that other tools' names for it mean.
    pub fn meant_by(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "user" | "human" | "customer" | "client" | "prompter" => Some(Role::User),
            "assistant" | "gpt" | "bot" | "model" | "ai" | "chatbot" => Some(Role::Assistant),
            "system" | "developer" => Some(Role::System),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        }
    }
}

/// Whether a text shows nothing: white space and characters without width only.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| {
        c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
    })
}

/// At most `chars` characters of a text, without NUL, which jsonb cannot hold.
pub(super) fn cut(text: &str, chars: usize) -> String {
    let mut rest = text.chars().map(|c| if c == '\0' { '\u{fffd}' } else { c });
    let mut kept: String = rest.by_ref().take(chars).collect();
    if rest.next().is_some() {
        kept.push('…');
    }
    kept
}
