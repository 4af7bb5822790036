//! Datasets that nobody wrote down: lines of every shape and documents, with values that nobody should send, cut, mixed up and damaged.

use pg_lora_tests::random::Random;

use crate::json::Json;
use crate::oddities::{
    ROLES, chance, conversation, doubtful, members, object, pick, raw, string, text_or, value, words,
};

fn split(random: &mut Random, of: &mut Vec<(String, Json)>) {
    if chance(random, 120) {
        let names =
            ["\"validation\"", "\"validation\"", "\"train\"", "null", "\"test\"", "7", "\"validation \""];
        of.push(("split".to_owned(), pick(random, &names)));
    }
}

fn id(random: &mut Random) -> Json {
    let number = random.between(1, 30).to_string();
    match random.below(5) {
        0 => raw(&number),
        1 => string(number),
        _ => pick(random, &["null", "\"\"", "1.5"]),
    }
}

fn calls(random: &mut Random) -> Json {
    let calls = (0..random.below(3)).map(|_| {
        let arguments = [
            "{}",
            "{\"a\":1}",
            "{a:1}",
            "[1]",
            "{\"x\":\"\\ud800\"}",
            "{\"x\":{\"\\ud800\":1,\"\\ud800\":2}}",
            "{\"a\":1e999}",
            " {} ",
            "{\"a\":1,\"a\":2}",
        ];
        let name = random.pick(&["add", "sub", ""]);
        let called = members([("name", string(name)), ("arguments", string(random.pick(&arguments)))]);
        let called = object(random, called, 30);
        let called = value(random, called, 30);
        let id = random.pick(&["a", "b", "", "c"]);
        let call = members([("id", string(id)), ("type", string("function")), ("function", called)]);
        object(random, call, 30)
    });
    Json::List(calls.collect())
}

fn message(random: &mut Random, role: &str) -> Vec<(String, Json)> {
    members([("role", string(role)), ("content", words(random))])
}

/// The messages of a conversation.
fn messages(random: &mut Random) -> Json {
    let mut list = Vec::new();
    if chance(random, 400) {
        list.push(message(random, "system"));
    }
    for _ in 0..random.below(4) {
        list.push(message(random, "user"));
        let mut reply = message(random, "assistant");
        if chance(random, 100) {
            let weights = ["0", "1", "1", "0.5", "null", "\"1\"", "0.0", "1.0"];
            reply.push(("weight".to_owned(), pick(random, &weights)));
        }
        if chance(random, 60) {
            let said = pick(random, &["null", "\"\"", "\"say\""]);
            let calls = calls(random);
            let calls = value(random, calls, 30);
            list.push(members([("role", string("assistant")), ("content", said), ("tool_calls", calls)]));
            for _ in 0..random.below(3) {
                let role = random.pick(&["tool", "tool", "function"]);
                let call = pick(random, &["\"a\"", "\"b\"", "7", "null"]);
                list.push(members([
                    ("role", string(role)),
                    ("tool_call_id", call),
                    ("content", words(random)),
                ]));
            }
            reply = message(random, "assistant");
        } else if chance(random, 20) {
            let call = members([("name", string("add")), ("arguments", string("{}"))]);
            let call = object(random, call, 30);
            reply.push(("function_call".to_owned(), value(random, call, 30)));
        }
        list.push(reply);
    }
    if chance(random, 60) {
        let role = random.pick(&ROLES);
        list.push(message(random, role));
    }
    if chance(random, 40) && !list.is_empty() {
        let at = random.below(list.len());
        list.remove(at);
    }
    if chance(random, 30) && !list.is_empty() {
        let at = random.below(list.len());
        list[at][0].1 = string(random.pick(&ROLES));
    }
    let list = list.into_iter().map(|one| {
        let one = doubtful(random, one, 20);
        value(random, one, 5)
    });
    Json::List(list.collect())
}

fn metadata(random: &mut Random) -> Vec<(String, Json)> {
    members([
        ("persona_archetype", string("a")),
        ("emotional_arc", pick(random, &["\"b\"", "\"c\"", "\"b\"", "\"b\""])),
        ("emotional_arc_key", string("k")),
        ("training_topic", string("t")),
        ("training_topic_key", pick(random, &["\"u\"", "\"u\"", "1", "1.0"])),
    ])
}

/// A pair, as a line or in a document.
fn pair(random: &mut Random, in_document: bool) -> Json {
    let turn = random.between(1, 6);
    let length = random.pick(&[0, turn - 1, turn, turn / 2 * 2, turn - 1]);
    let mut history = Vec::new();
    for at in 0..length {
        let usual = if at % 2 == 0 { "user" } else { "assistant" };
        let role = if chance(random, 100) { random.pick(&["user", "assistant"]) } else { usual };
        let mut one = message(random, role);
        one.push(("turn".to_owned(), raw(&at.to_string())));
        history.push(object(random, one, 20));
    }
    let last = match history.last() {
        Some(Json::Object(members)) => {
            members.iter().find(|(key, _)| key == "content").map(|(_, text)| text.clone())
        }
        _ => None,
    };
    let given = [turn.to_string(), turn.to_string(), format!("{turn}.0"), "null".to_owned()];
    let given = raw(&given[random.below(4)]);
    let input = match last {
        Some(said) if chance(random, 150) => said,
        _ => words(random),
    };
    let mut pair = members([
        ("id", id(random)),
        ("turn_number", value(random, given, 40)),
        ("system_prompt", words(random)),
        ("conversation_history", value(random, Json::List(history), 30)),
        ("current_user_input", input),
        ("target_response", if random.once_in(5) { raw("null") } else { words(random) }),
    ]);
    if !in_document {
        pair.insert(1, ("conversation_id".to_owned(), conversation(random)));
    }
    if chance(random, 400) {
        let of = metadata(random);
        let of = object(random, of, 30);
        pair.push(("conversation_metadata".to_owned(), value(random, of, 30)));
    }
    if chance(random, 300) {
        let emotions = members([("primary", string("joy")), ("primary_confidence", raw("0.9"))]);
        let emotions = object(random, emotions, 30);
        let context = members([("detected_emotions", value(random, emotions, 30))]);
        let context = object(random, context, 30);
        pair.push(("emotional_context".to_owned(), value(random, context, 30)));
    }
    if chance(random, 400) {
        let score = pick(random, &["1", "2", "2.5", "3", "5", "5.1", "0.99", "4.999"]);
        let score = value(random, score, 30);
        let criteria = (0..random.below(4)).map(|at| {
            let mark = pick(random, &["1", "3", "5", "6", "0"]);
            (["a", "b", "c\0"][at].to_owned(), value(random, mark, 30))
        });
        let criteria = Json::Object(criteria.collect());
        let of = members([("quality_score", score), ("quality_criteria", value(random, criteria, 30))]);
        let of = object(random, of, 30);
        pair.push(("training_metadata".to_owned(), value(random, of, 30)));
    }
    split(random, &mut pair);
    doubtful(random, pair, 30)
}

/// The turns of a conversation as another program names them.
fn sharegpt(random: &mut Random) -> Json {
    let mut turns = Vec::new();
    for _ in 0..random.between(1, 4) {
        let (asks, answers) = (
            random.pick(&["human", "human", "user", "Human"]),
            random.pick(&["gpt", "gpt", "bot", "function_call"]),
        );
        for from in [asks, answers] {
            turns.push(members([("from", string(from)), ("value", words(random))]));
        }
    }
    if chance(random, 100) {
        let from = pick(random, &["\"tool\"", "\"x\"", "7", "\"system\""]);
        turns.push(members([("from", from), ("value", words(random))]));
    }
    if chance(random, 100) {
        let weight = pick(random, &["0", "1", "2"]);
        turns.last_mut().expect("two at least").push(("weight".to_owned(), weight));
    }
    let turns = turns.into_iter().enumerate().map(|(at, turn)| {
        // The first turn tells the shape.
        let turn = if at == 0 { Json::Object(turn) } else { object(random, turn, 20) };
        value(random, turn, if at == 0 { 0 } else { 5 })
    });
    Json::List(turns.collect())
}

fn history(random: &mut Random) -> Json {
    if random.once_in(5) {
        return raw("[[\"a\"],[\"a\",\"b\",\"c\"],[7,\"a\"]]");
    }
    let rounds = (0..random.below(3)).map(|_| {
        let round = Json::List(vec![words(random), words(random)]);
        value(random, round, 100)
    });
    let rounds = Json::List(rounds.collect());
    value(random, rounds, 30)
}

/// Lines of no shape, and those that say something of the file.
const LINES: [&str; 16] = [
    "[1]",
    "7",
    "\"x\"",
    "null",
    "{\"chosen\":\"a\",\"rejected\":\"b\"}",
    "{\"foo\":1}",
    "{\"training_file_metadata\":{},\"conversations\":[]}",
    "{\"_meta\":{\"version\":\"4.0\",\"total_pairs\":3}}",
    "{\"_meta\":7}",
    "{\"_meta\":{\"version\":\"3\"}}",
    "{\"conversations\":[{\"training_pairs\":[]}]}",
    "{\"conversations\":7}",
    "{\"conversations\":{\"0\":{\"from\":1}}}",
    "{}",
    "{\"messages\":[]}",
    "{\"turns\":{}}",
];

/// A line of a shape.
pub fn line(random: &mut Random, shape: &str) -> Json {
    let text = words(random);
    let list = |random: &mut Random| {
        let list = messages(random);
        value(random, list, 20)
    };
    let mut of = match shape {
        "pairs" => return pair(random, false),
        "odd" => return pick(random, &LINES),
        "turns" => {
            let id = conversation(random);
            members([("conversation_id", value(random, id, 30)), ("turns", list(random))])
        }
        "sharegpt" => members([("conversations", sharegpt(random))]),
        "alpaca" => members([
            ("instruction", text),
            ("input", text_or(random, &["\"\"", "null"])),
            ("output", words(random)),
        ]),
        "completion" => members([("prompt", text), ("completion", words(random))]),
        _ => members([(shape, list(random))]),
    };
    let has_messages = ["messages", "conversations", "sharegpt", "turns"].contains(&shape);
    if !has_messages || shape == "sharegpt" {
        if chance(random, 200) {
            of.push(("system".to_owned(), text_or(random, &["\"\"", "null", "7"])));
        }
        if shape == "alpaca" && chance(random, 200) {
            of.push(("history".to_owned(), history(random)));
        }
    }
    if chance(random, 300) {
        of.push(("id".to_owned(), id(random)));
    }
    if has_messages && shape != "turns" && chance(random, 300) {
        of.push(("conversation_id".to_owned(), conversation(random)));
    }
    if has_messages && chance(random, 100) {
        let known = Json::Object(metadata(random));
        let known = if random.once_in(3) { pick(random, &["null", "{\"a\":1}"]) } else { known };
        of.push(("conversation_metadata".to_owned(), known));
    }
    if shape == "messages" && chance(random, 300) {
        let tool = raw("{\"type\":\"function\",\"function\":{\"name\":\"add\"}}");
        let tools = Json::List(vec![value(random, tool, 30), raw("{\"name\":\"sub\"}")]);
        of.push(("tools".to_owned(), value(random, tools, 30)));
    }
    split(random, &mut of);
    doubtful(random, of, 40)
}

/// A document: of a whole file, or of one conversation.
pub fn document(random: &mut Random) -> Json {
    let pairs = |random: &mut Random, most: usize| {
        let pairs = (0..random.below(most + 1)).map(|_| {
            let pair = pair(random, true);
            value(random, pair, 40)
        });
        let pairs = Json::List(pairs.collect());
        value(random, pairs, 30)
    };
    let document = if random.once_in(2) {
        let count = random.below(4);
        let listed = (0..count).map(|_| {
            let of = members([("conversation_id", conversation(random))]);
            let of = object(random, of, 30);
            let one = members([
                ("conversation_metadata", value(random, of, 30)),
                ("training_pairs", pairs(random, 4)),
            ]);
            let one = object(random, one, 30);
            value(random, one, 40)
        });
        let listed = Json::List(listed.collect());
        let conversations = [count.to_string(), "9".to_owned(), "null".to_owned(), "\"x\"".to_owned()];
        let declared = members([
            ("total_conversations", raw(&conversations[random.below(4)])),
            ("total_training_pairs", pick(random, &["1", "2", "null", "-1"])),
            ("total_pairs", raw("3")),
        ]);
        let declared = object(random, declared, 30);
        members([
            ("training_file_metadata", value(random, declared, 30)),
            ("consultant_profile", value(random, raw("{}"), 30)),
            ("conversations", value(random, listed, 30)),
        ])
    } else {
        let declared = members([
            ("conversation_id", conversation(random)),
            ("dataset_name", string("n")),
            ("total_turns", pick(random, &["1", "2", "null"])),
            ("total_training_pairs", raw("2")),
        ]);
        let declared = object(random, declared, 30);
        members([("dataset_metadata", value(random, declared, 30)), ("training_pairs", pairs(random, 5))])
    };
    object(random, document, 30)
}

/// The first line of some files of pairs.
pub fn header(random: &mut Random) -> Json {
    let meta = members([
        ("version", pick(random, &["\"4.0\"", "\"5.1\"", "\"3.0\"", "7"])),
        ("total_pairs", pick(random, &["1", "2", "null", "\"x\"", "1.5"])),
    ]);
    let meta = object(random, meta, 30);
    let header = members([("_meta", value(random, meta, 30))]);
    value(random, Json::Object(header), 20)
}
