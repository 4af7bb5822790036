//! What a worker sends during a run: heartbeats and metric points, each with its time.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// One message of the worker.
#[derive(Debug)]
pub struct Message {
    /// When it is sent.
    pub at: Timestamp,
    /// The stage that a heartbeat announces; `None` for a point.
    pub stage: Option<String>,
    /// The whole message, as it is sent.
    pub body: Value,
}

/// A run, in the order of time.
#[derive(Debug)]
pub struct Trace {
    pub messages: Vec<Message>,
    /// Last step of the run.
    pub total_steps: i64,
    /// Last epoch of the run.
    pub total_epochs: i64,
    /// The lines themselves: the worker's log.
    pub log: String,
}

#[derive(Deserialize)]
struct Line {
    timestamp: Timestamp,
    step: Option<i64>,
    epoch: Option<i64>,
    stage: Option<String>,
}

impl Trace {
    /// Reads JSON lines. The error says which line is wrong and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut trace = Self { messages: Vec::new(), total_steps: 0, total_epochs: 0, log: text.to_owned() };
        for (index, text) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let number = index + 1;
            let body: Value =
                serde_json::from_str(text).map_err(|error| format!("line {number}: {error}"))?;
            let line = Line::deserialize(&body).map_err(|error| format!("line {number}: {error}"))?;
            let stage = match line.step {
                Some(step) => {
                    trace.total_steps = trace.total_steps.max(step);
                    trace.total_epochs = trace.total_epochs.max(line.epoch.unwrap_or(1));
                    None
                }
                None => Some(line.stage.ok_or(format!("line {number}: neither \"step\" nor \"stage\""))?),
            };
            if trace.messages.last().is_some_and(|before| before.at > line.timestamp) {
                return Err(format!("line {number}: the timestamp is before that of the line above"));
            }
            trace.messages.push(Message { at: line.timestamp, stage, body });
        }
        if trace.total_steps == 0 {
            return Err("no line with a \"step\" above 0".to_owned());
        }
        Ok(trace)
    }

    /// The moment of the claim.
    pub fn start(&self) -> Timestamp {
        self.messages.first().map_or(Timestamp::UNIX_EPOCH, |message| message.at)
    }

    /// When the last point was reported.
    pub fn last_step_at(&self) -> Timestamp {
        let last = self.messages.iter().rev().find(|message| message.stage.is_none());
        last.map_or(self.end(), |message| message.at)
    }

    /// The moment of completion.
    pub fn end(&self) -> Timestamp {
        self.messages.last().map_or(Timestamp::UNIX_EPOCH, |message| message.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_heartbeats_and_points() {
        let trace = Trace::parse(
            "{\"timestamp\":\"2026-01-15T23:00:00Z\",\"stage\":\"setup\"}\n\n\
             {\"timestamp\":\"2026-01-15T23:01:00.5Z\",\"stage\":\"training\",\"step\":7,\"epoch\":2}\n",
        )
        .unwrap();
        assert_eq!(trace.messages.len(), 2);
        assert_eq!((trace.total_steps, trace.total_epochs), (7, 2));
        assert_eq!(trace.messages[0].stage.as_deref(), Some("setup"));
        assert_eq!(trace.messages[1].stage, None);
        assert_eq!(trace.last_step_at(), trace.end());
        assert_eq!(trace.end().duration_since(trace.start()).as_millis(), 60_500);
    }

    #[test]
    fn says_which_line_is_wrong() {
        let error = |text: &str| Trace::parse(text).unwrap_err();
        assert!(error("nope").starts_with("line 1: expected"));
        assert!(error("\n{\"stage\":\"setup\"}").starts_with("line 2: missing field `timestamp`"));
        assert_eq!(
            error("{\"timestamp\":\"2026-01-15T23:00:00Z\"}"),
            "line 1: neither \"step\" nor \"stage\""
        );
        assert_eq!(
            error("{\"timestamp\":\"2026-01-15T23:00:00Z\",\"stage\":\"setup\"}"),
            "no line with a \"step\" above 0"
        );
        assert_eq!(
            error(
                "{\"timestamp\":\"2026-01-15T23:00:01Z\",\"step\":1}\n{\"timestamp\":\"2026-01-15T23:00:00Z\",\"step\":2}"
            ),
            "line 2: the timestamp is before that of the line above"
        );
    }
}
