//! Files at the limits: how soon a validation of them ends when it is told to, and how much memory documents need.
//!
//! A validation can only be stopped between two looks at the server's wishes. So it is told at many moments, evenly
//! over its whole time, and the longest wait counts.

use std::time::{Duration, Instant};

use super::super::bed::{Bed, milliseconds};
use super::super::measurement::{Measurement, Target};
use super::memory;

/// Moments at which each validation is told to stop.
const MOMENTS: u32 = 20;

/// The longest wait, in milliseconds.
const WAIT: f64 = 100.0;

/// Memory that a document may need, as a multiple of its size, the value itself included.
const OF_A_DOCUMENT: f64 = 3.0;

/// Name, whether it is a document, and the SQL that makes it: each near its limit.
const FILES: [(&str, bool, &str); 5] = [
    ("line", false, "convert_to('{\"messages\":\"', 'UTF8') || convert_to(repeat('0123456789', 30000000), 'UTF8')"),
    ("prompts", false, "(select convert_to(string_agg(format('{\"prompt\":\"%s\",\"completion\":\"%s\"}', n, md5(n::text)), E'\\n'), 'UTF8')
        from generate_series(1, 1000000) as n)"),
    ("document", true, DOCUMENT),
    ("pretty document", true, "convert_to(jsonb_pretty(convert_from(%DOCUMENT%, 'UTF8')::jsonb), 'UTF8')"),
    ("document of one string", true, "convert_to('{\"training_file_metadata\":{\"total_pairs\":1,\"x\":\"', 'UTF8')
        || convert_to(repeat('0123456789', 6000000), 'UTF8') || convert_to('\"},\"conversations\":[]}', 'UTF8')"),
];

/// One line of about 55 MB.
const DOCUMENT: &str = "(select convert_to('{\"training_file_metadata\":{},\"conversations\":['
        || string_agg(format('{\"conversation_metadata\":{\"conversation_id\":\"%s\"},\"training_pairs\":[{\"system_prompt\":\"Help.\",\"current_user_input\":\"Question %s\",\"target_response\":\"%s\"}]}',
          n, n, repeat(md5(n::text), 20)), ',') || ']}', 'UTF8')
        from generate_series(1, 65000) as n)";

/// Runs it.
pub fn run(bed: &mut Bed<'_>) -> anyhow::Result<()> {
    for (name, is_document, content) in FILES {
        let content = content.replace("%DOCUMENT%", DOCUMENT);
        bed.execute(&format!("insert into bench.files values ('{name}', {content})"))?;
        let size = bed.ask(&format!("select length(content) from bench.files where name = '{name}'"))?;
        let megabytes = size.parse::<f64>()? / f64::from(1 << 20);
        let ours =
            format!("select lora.dataset_report(content, '{{}}') from bench.files where name = '{name}'");
        let wait = longest_wait(bed, &ours)?;
        let what = format!("longest wait for the end of a cancelled validation: {name}, {megabytes:.0} MB");
        bed.note(Measurement::new(what, wait, "ms", Target::AtMost(WAIT)), &[])?;
        if is_document && cfg!(target_os = "linux") {
            let read = memory::peak(bed, "select 1")?;
            let peak = memory::peak(bed, &ours)? - read;
            let what = format!("memory for a {name} of {megabytes:.0} MB, the value included, to its size");
            bed.note(Measurement::new(what, peak / megabytes, "", Target::AtMost(OF_A_DOCUMENT)), &[])?;
        }
        bed.execute(&format!("delete from bench.files where name = '{name}'"))?;
    }
    Ok(())
}

/// The longest time, in milliseconds, that a query went on for behind its timeout.
fn longest_wait(bed: &Bed<'_>, sql: &str) -> anyhow::Result<f64> {
    let mut client = bed.connect()?;
    let mut run = || {
        let start = Instant::now();
        let ended = client.simple_query(sql);
        (start.elapsed(), ended)
    };
    run().1?;
    let (whole, ended) = run();
    ended?;
    let mut longest = Duration::ZERO;
    for moment in 1..MOMENTS {
        let timeout = (whole * moment / MOMENTS).max(Duration::from_millis(1));
        client.batch_execute(&format!("set statement_timeout = {}", timeout.as_millis()))?;
        let start = Instant::now();
        // One that was done before its timeout waited for nothing.
        if client.simple_query(sql).is_err() {
            longest = longest
                .max(start.elapsed().saturating_sub(Duration::from_millis(timeout.as_millis() as u64)));
        }
    }
    Ok(milliseconds(longest))
}
