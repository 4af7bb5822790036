//! Whole datasets that nobody wrote down, in one value, in segments and in lines: the same report in both editions, and of
//! each of these ways.
//!
//! A difference is shown with the seed, and with the smallest file that still has it.

use pg_lora_tests::environment;
use pg_lora_tests::random::Random;

use crate::editions::{Editions, Outcome, literal, shown};
use crate::files::{document, header, line};
use crate::json::{Json, Style};

/// Calls of each function.
fn calls() -> usize {
    if environment::full() { 10_000 } else { CALLS }
}

/// In a plain run.
const CALLS: usize = 500;

/// How many attempts at a smaller file are made.
const ATTEMPTS: usize = 600;

/// Expressions that have the same outcome, of these files.
type Ask = Box<dyn Fn(&[Vec<u8>]) -> Vec<String>>;

/// A question about files: one, or two of which the other is held back.
struct Question {
    files: Vec<Vec<u8>>,
    ask: Ask,
}

/// What differs between the editions, or between the expressions.
fn difference(editions: &mut Editions, expressions: &[String]) -> Result<Outcome, String> {
    let mut first: Option<Outcome> = None;
    for expression in expressions {
        let [native, portable] = editions.ask(expression);
        if native != portable {
            let shown = shown("native", &native, "portable", &portable);
            return Err(format!("select {expression}\n{shown}"));
        }
        match &first {
            Some(known) if *known != native => {
                let shown = shown("the first", known, "the second", &native);
                return Err(format!("select {}\nselect {expression}\n{shown}", expressions[0]));
            }
            _ => first = Some(native),
        }
    }
    Ok(first.expect("an expression"))
}

/// The question with files as small as they can be for a difference; it costs a bounded number of calls.
fn smallest(editions: &mut Editions, mut question: Question) -> String {
    let mut attempts = 0;
    for at in 0..question.files.len() {
        let mut size = question.files[at].len().div_ceil(2).max(1);
        loop {
            let mut from = 0;
            while from < question.files[at].len() && attempts < ATTEMPTS {
                let mut smaller = question.files.clone();
                let until = (from + size).min(smaller[at].len());
                smaller[at].drain(from..until);
                attempts += 1;
                match difference(editions, &(question.ask)(&smaller)) {
                    Err(_) => question.files = smaller,
                    Ok(_) => from += size,
                }
            }
            if size == 1 || attempts >= ATTEMPTS {
                break;
            }
            size = size.div_ceil(2);
        }
    }
    let shown: Vec<String> =
        question.files.iter().map(|file| format!("{:?}", String::from_utf8_lossy(file))).collect();
    let found = difference(editions, &(question.ask)(&question.files));
    format!("{}\n{}", shown.join("\n"), found.err().unwrap_or_default())
}

/// Asks so often, each time of other files.
fn agree_on_files(name: &str, mut question: impl FnMut(&mut Random) -> Question) {
    let seed = environment::seed();
    // Each function has files of its own.
    let own = name.bytes().fold(seed, |seed, byte| seed.rotate_left(5) ^ u64::from(byte));
    let mut editions = Editions::new();
    let mut differences = Vec::new();
    let mut answers = 0;
    for number in 0..calls() {
        let question = question(&mut Random::stream(own, number as u64));
        match difference(&mut editions, &(question.ask)(&question.files)) {
            Ok(Outcome::Answer(_)) => answers += 1,
            Ok(_) => {}
            Err(_) => differences.push(format!("call {number}: {}", smallest(&mut editions, question))),
        }
        if differences.len() == 3 {
            break;
        }
    }
    assert!(differences.is_empty(), "{name}, seed {seed}:\n{}", differences.join("\n\n"));
    assert!(answers > calls() / 2, "{name}: only {answers} of {} calls had an answer", calls());
}

/// Bytes as a literal.
pub fn bytes(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut hex = String::from("'\\x");
    for byte in bytes {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex + "'::bytea"
}

/// As text, if it can be one.
fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))?;
    Some(format!("{}::text", literal(text)))
}

fn inserted(mut line: Vec<u8>, at: usize, more: &[u8]) -> Vec<u8> {
    line.splice(at..at, more.iter().copied());
    line
}

fn replaced(line: Vec<u8>, old: &[u8], new: &[u8]) -> Vec<u8> {
    match line.windows(old.len()).position(|window| window == old) {
        Some(at) => [&line[..at], new, &line[at + old.len()..]].concat(),
        None => line,
    }
}

/// One thing wrong with the bytes of a line.
fn damaged(random: &mut Random, mut line: Vec<u8>) -> Vec<u8> {
    const PIECES: [&[u8]; 22] = [
        b"\\ud800",
        b"\\u0000",
        b"\\q",
        b"\\u12",
        b"1e999",
        b"01",
        b"1.",
        b"-",
        b"tru",
        b"Infinity",
        b"\\",
        b"\"",
        b"{",
        b"[",
        b"\\ud83d\\ude00",
        b"\\udc00",
        b"1e400",
        b"-Infinity",
        b"nan",
        b"0e99999",
        b"1e-99999",
        b"\t",
    ];
    const BYTES: [&[u8]; 8] =
        [b"\x00", b"\xff", b"\xe9", b"\xed\xa0\x80", b"\xc2\x85", b"\xe2\x80\xa8", b"\x0b", b"\xf0\x9f\x98"];
    const KEYS: [&str; 18] = [
        "role",
        "content",
        "weight",
        "tool_calls",
        "from",
        "value",
        "messages",
        "turns",
        "conversations",
        "tools",
        "split",
        "id",
        "conversation_id",
        "instruction",
        "output",
        "prompt",
        "training_pairs",
        "target_response",
    ];
    const NUMBERS: [&[u8]; 8] = [
        b"1e400",
        b"-1e308",
        b"1.5e-400",
        b"0.1",
        b"123456789012345678901234567890",
        b"-0",
        b"9e999999",
        b"1e5",
    ];
    if line.is_empty() {
        return line;
    }
    let at = random.below(line.len());
    match random.below(14) {
        0 => line.truncate(at),
        1 => drop(line.remove(at)),
        2 => line.insert(at, random.below(256) as u8),
        3 => return replaced(line, b":", b":NaN"),
        4 => line.extend(random.pick(&[b" x".as_slice(), b",", b"}", b"]", b"\r", b" "])),
        5 => return replaced(line, b"\"", b"\\\""),
        6 => return inserted(line, at, random.pick(&PIECES)),
        7 => drop(line.remove(0)),
        8 => return replaced(line, b"\"content\"", b"\"content\":1,\"content\""),
        9 => return replaced(line, b"}", b",\"id\":1,\"id\":2}"),
        10 => {
            line.pop();
            line.extend([b",\"n\":".as_slice(), random.pick(&NUMBERS), b"}"].concat());
        }
        11 => return inserted(line, at, random.pick(&BYTES)),
        _ => {
            // A member that is there already, before it or behind it.
            let key = format!("\"{}\":", random.pick(&KEYS));
            let member =
                format!("{key}{}", random.pick(&["null", "1", "\"x\"", "[]", "{}", "\"user\"", "[1]"]));
            let twice = if random.once_in(2) {
                (key.clone(), format!("{member},{key}"))
            } else {
                ("}".to_owned(), format!(",{member}}}"))
            };
            return replaced(line, twice.0.as_bytes(), twice.1.as_bytes());
        }
    }
    line
}

/// A file that is a document, or nearly.
fn document_file(random: &mut Random) -> Vec<u8> {
    let indent = random.pick(&[None, None, Some(1), Some(2)]);
    let separators = if indent.is_some() { [",", ": "] } else { [", ", ": "] };
    let mut file = document(random).written(Style { is_ascii: random.once_in(2), separators, indent });
    if random.once_in(3) {
        file = damaged(random, file);
    }
    if random.once_in(10) {
        file = inserted(file, 0, b"\xef\xbb\xbf");
    }
    if random.once_in(5) {
        file.extend(random.pick(&[b"\n".as_slice(), b"\n\n", b" \n", b"{}", b"\n{\"messages\":[]}"]));
    }
    file
}

/// A file of lines, mostly of one shape.
fn lines_file(random: &mut Random) -> Vec<u8> {
    const SHAPES: [&str; 9] = [
        "messages",
        "messages",
        "turns",
        "conversations",
        "sharegpt",
        "alpaca",
        "completion",
        "pairs",
        "pairs",
    ];
    const BEGINNINGS: [&[u8]; 9] = [
        b"\x1f\x8b",
        b"PK\x03\x04",
        b"\xff\xfe",
        b"PAR1",
        b"prompt,completion\n",
        b"[",
        b"id\tx\n",
        b"\n",
        b"\xef\xbb",
    ];
    let shape = random.pick(&SHAPES);
    let mut read: Vec<Json> = Vec::new();
    let mut lines: Vec<Vec<u8>> = Vec::new();
    if shape == "pairs" && random.once_in(2) {
        lines.push(header(random).written(Style::line(random)));
    }
    for _ in 0..random.pick(&[0, 1, 2, 3, 5, 8, 14, 25]) {
        let other = random.pick(&["odd", "messages", "alpaca", "pairs", "sharegpt"]);
        let shape = if random.once_in(16) { other } else { shape };
        let json = line(random, shape);
        let mut line = json.written(Style::line(random));
        read.push(json);
        if random.once_in(12) {
            line = damaged(random, line);
        }
        if random.once_in(33) {
            line = random.pick(&[b"".as_slice(), b"  ", b"\xe3\x80\x80", b"\t"]).to_vec();
        }
        if random.once_in(33) {
            line.push(b'\r');
        }
        if random.once_in(12) && !lines.is_empty() {
            line.clone_from(&lines[random.below(lines.len())]);
        }
        lines.push(line);
    }
    if random.once_in(33) {
        let style = Style { is_ascii: random.once_in(2), separators: [",", ": "], indent: Some(1) };
        lines = read.iter().take(2).map(|json| json.written(style)).collect();
    }
    let mut file = lines.join(&b'\n');
    file.extend(random.pick(&[b"".as_slice(), b"\n", b"\n", b"\n\n"]));
    match random.below(40) {
        0 => inserted(file, 0, b"\xef\xbb\xbf"),
        1 => inserted(file, 0, random.pick(&BEGINNINGS)),
        2 => b"[\n 1\n]".to_vec(),
        _ => file,
    }
}

fn file(random: &mut Random) -> Vec<u8> {
    if random.once_in(5) { document_file(random) } else { lines_file(random) }
}

/// Options of a validation, now and then such as are refused.
fn options(random: &mut Random) -> String {
    const REFUSED: [&str; 12] = [
        "[]",
        "null",
        r#"{"profil":"openai"}"#,
        r#"{"profile":"OpenAI"}"#,
        r#"{"window":0}"#,
        r#"{"window":2.0}"#,
        r#"{"window":18446744073709551616}"#,
        r#"{"min_examples":-1}"#,
        r#"{"exact_tokens":{"content":5}}"#,
        r#"{"exact_tokens":{"content":1e3,"method":"m"}}"#,
        r#"{"declared_format":"csv"}"#,
        r#"{"profile":{"b":1,"a":[2.50]}}"#,
    ];
    if random.once_in(40) {
        return format!("'{}'::jsonb", random.pick(&REFUSED));
    }
    let mut given = Vec::new();
    if random.once_in(2) {
        given
            .push(format!(r#""profile":"{}""#, random.pick(&["brightrun", "openai", "mistral", "together"])));
    }
    if random.below(5) < 2 {
        given.push(format!(r#""window":{}"#, random.pick(&[1, 5, 20, 50, 100])));
    }
    if random.below(10) < 3 {
        given.push(format!(r#""min_examples":{}"#, random.pick(&[0, 1, 3])));
    }
    if random.below(10) < 2 {
        let tokens = random.pick(&[r#""content":5"#, r#""content":5,"sequence":9"#]);
        given.push(format!(r#""exact_tokens":{{{tokens},"method":"m"}}"#));
    }
    if random.below(5) == 0 {
        let formats = ["brightrun-lora-v4", "messages", "brightrun_lora_v3", "pairs"];
        given.push(format!(r#""declared_format":"{}""#, random.pick(&formats)));
    }
    format!("'{{{}}}'::jsonb", given.join(","))
}

/// A question on one file, given as bytes or as text.
fn whole(random: &mut Random, call: fn(&str, &str) -> String) -> Question {
    let options = options(random);
    let is_text = random.once_in(4);
    Question {
        files: vec![file(random)],
        ask: Box::new(move |files| {
            let content = text(&files[0]).filter(|_| is_text).unwrap_or_else(|| bytes(&files[0]));
            vec![call(&content, &options)]
        }),
    }
}

#[test]
fn random_files() {
    agree_on_files("dataset_report", |random| {
        whole(random, |content, options| format!("lora.dataset_report({content}, {options})"))
    });
}

#[test]
fn random_files_and_what_is_found() {
    agree_on_files("dataset_findings", |random| {
        whole(random, |content, options| {
            format!(
                "(select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(found)) from lora.dataset_findings({content}, {options}) as found)"
            )
        })
    });
}

/// The segment of a file that was cut at these places, per thousand of it; the first `together` parts are merged on their own.
fn segment(file: &[u8], cuts: &[usize], together: usize, options: &str) -> String {
    let mut places: Vec<usize> = cuts.iter().map(|cut| file.len() * cut / 1_000).collect();
    places.extend([0, file.len()]);
    places.sort_unstable();
    let parts =
        places.windows(2).enumerate().map(|(at, ends)| format!("({at}, {})", bytes(&file[ends[0]..ends[1]])));
    let parts = parts.collect::<Vec<_>>().join(", ");
    format!(
        "(select lora.merge_segments(segment order by n) from (
           select lora.merge_segments(lora.scan_segment(part, {options}) order by n) as segment, pg_catalog.min(n) as n
           from (values {parts}) as part (n, part) group by greatest(n, {together})
         ) as merged)"
    )
}

#[test]
fn random_files_in_segments() {
    agree_on_files("scan_segment, merge_segments, segment_report", |random| {
        let options = options(random);
        let cuts = |random: &mut Random| -> Vec<usize> {
            (0..random.below(5)).map(|_| random.between(0, 1_000)).collect()
        };
        let (cuts, held_cuts, together) = (cuts(random), cuts(random), random.below(4));
        let mut files = vec![file(random)];
        if random.once_in(2) {
            files.push(file(random));
        }
        Question {
            files,
            ask: Box::new(move |files| {
                let of = segment(&files[0], &cuts, together, &options);
                match files.get(1) {
                    Some(held) => {
                        let held = segment(held, &held_cuts, together, &options);
                        vec![format!("lora.segment_report({of}, {options}, {held})")]
                    }
                    None => vec![
                        format!("lora.segment_report({of}, {options})"),
                        format!("lora.dataset_report({}, {options})", bytes(&files[0])),
                    ],
                }
            }),
        }
    });
}

#[test]
fn random_files_in_lines() {
    agree_on_files("dataset_lines_report", |random| {
        let options = options(random);
        let order = random.bits();
        let is_text = random.once_in(4);
        // Out of so many, one line has another number, or none.
        let wrong = if random.once_in(15) {
            Some(random.pick(&["1", "0", "-7", "9223372036854775807", "null"]))
        } else {
            None
        };
        Question {
            files: vec![file(random)],
            ask: Box::new(move |files| {
                let contents: Vec<&[u8]> = files[0].split(|&byte| byte == b'\n').collect();
                let is_text = is_text && contents.iter().all(|line| text(line).is_some());
                let mut rows: Vec<String> = contents
                    .iter()
                    .enumerate()
                    .map(|(at, line)| {
                        let line = if is_text { text(line).expect("text") } else { bytes(line) };
                        format!("({}::bigint, {line})", at + 1)
                    })
                    .collect();
                let mut random = Random::stream(order, 1);
                if let Some(number) = wrong {
                    let at = random.below(rows.len());
                    let (_, line) = rows[at].split_once(',').expect("a number and a line");
                    rows[at] = format!("({number}::bigint,{line}");
                }
                for at in (1..rows.len()).rev() {
                    rows.swap(at, random.below(at + 1));
                }
                let call = format!(
                    "(select lora.dataset_lines_report(n, line, {options}) from (values {}) as row (n, line))",
                    rows.join(", ")
                );
                let file = [files[0].as_slice(), b"\n"].concat();
                let whole = format!("lora.dataset_report({}, {options})", bytes(&file));
                if wrong.is_some() { vec![call] } else { vec![call, whole] }
            }),
        }
    });
}
