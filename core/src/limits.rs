//! Every limit of this crate: its value, why it is that value, and what happens beyond it.

/// Largest file whose parts are put together, in bytes: a terabyte, below which no count can overflow. Beyond: error
/// `OutOfRange`.
pub const FILE_BYTES: u64 = 1 << 40;

/// Runs of lines that are held apart from each other while those between them have not come; half of them may be left
/// when neighbours are put together. Beyond: error `OutOfRange`.
pub const RUNS: usize = 10_000;

/// Longest line of a dataset that is parsed, in bytes. A parser cannot be interrupted inside one line, and
/// 16 MB of text take it about 50 ms; no trainer's window comes near. Beyond: finding `line_too_long`.
pub const LINE_BYTES: usize = 16 << 20;

/// Deepest nesting of a line. Real files nest to 5; each level costs the parser stack. Beyond: finding
/// `nesting_too_deep`.
pub const NESTING_DEPTH: usize = 64;

/// Most keys and values in one example: 10,000 messages with ten fields each. Each takes 32 bytes of memory
/// wherever it has two bytes in the file, so that without a limit 8 MB of `[0,0,…` become 128 MB. Beyond: finding
/// `too_many_values`.
pub const LINE_VALUES: u32 = 200_000;

/// Largest JSON document (shapes `full` and `individual`): it has to be held as a whole, in a part of a file
/// too. Beyond: finding `document_too_large`.
pub const DOCUMENT_BYTES: usize = 64 << 20;

/// Examples that are compared with each other; 64 bytes are kept of each, 25 MB in all. Beyond: finding
/// `comparison_limited`, and conversations are still counted, at 8 bytes for each that has an id.
pub const EXAMPLES_COMPARED: usize = 400_000;

/// Findings kept for each code. Ten show the pattern; the exact count is always reported beside them.
/// Beyond: counted, not kept, `truncated` says so.
pub const FINDINGS_PER_CODE: usize = 10;

/// Findings kept in all, so that a report stays readable and small. Beyond: as above.
pub const FINDINGS_IN_ALL: usize = 100;

/// Characters of an excerpt in a finding. Beyond: cut, with an ellipsis.
pub const EXCERPT_CHARS: usize = 120;

/// Longest example in which the byte of a fault is looked for: it is parsed once more for each finding that is kept, and
/// six hundred may be. Beyond: the offset is that of the example.
pub const LOCATED_BYTES: usize = 1 << 18;

/// Characters of a key in a path; the longest key that is known has 31. Beyond: cut, with an ellipsis.
pub const KEY_CHARS: usize = 60;

/// Characters of another text of the file in a message. Beyond: cut, with an ellipsis.
pub const QUOTE_CHARS: usize = 40;

/// Members of an object of a document outside of its pairs that are looked at: the known ones are five. Beyond: left
/// out.
pub const DOCUMENT_MEMBERS: usize = 1_000;

/// Conversations kept as the sample of a report.
pub const SAMPLE_CONVERSATIONS: usize = 3;

/// Longest id of a conversation in the sample, in bytes. Beyond: the conversation is left out.
pub const SAMPLE_ID_BYTES: usize = 200;

/// Characters kept of each message in the sample. Beyond: cut, with an ellipsis.
pub const SAMPLE_MESSAGE_CHARS: usize = 2_000;

/// Messages kept of each conversation in the sample. Beyond: left out.
pub const SAMPLE_MESSAGES: usize = 20;

/// Distinct keys that one grouping of a cost breakdown holds. An aggregate's state is invisible to work_mem;
/// 100,000 keys of 200 bytes are 20 MB a grouping. Beyond: error `OutOfRange`.
pub const COST_GROUPS: usize = 100_000;

/// Distinct jobs that a cost breakdown holds: a year of a large platform. A million are 64 MB, and 75 MB of answer. Beyond: error
/// `OutOfRange`.
pub const COST_JOBS: usize = 1_000_000;

/// Longest key of a cost breakdown, in bytes: twice the longest `cost_type`. Beyond: error `InvalidArgument`.
pub const COST_KEY_BYTES: usize = 200;

/// Stretches of equal length that an attempt's steps are divided into, each with one point that is kept: 33 to 64 for the whole
/// attempt, so that a pause of a few steps shows in the stretch that it is in. Beyond: stretches get twice as long.
pub const PACE_STRETCHES: usize = 64;

/// Newest points of an attempt that are kept besides: what the last steps took. Beyond: the older ones are thinned.
pub const PACE_RECENT: usize = 16;

/// Newest pauses of each kind that are kept: their median length and the steps between them settle long before. Beyond: the
/// older ones are left out.
pub const PACE_PAUSES: usize = 16;

/// Points of an attempt that a reader who keeps no pace looks at: the newest ones, of which more are thinned to the same number.
pub const PACE_POINTS: usize = 1_000;

/// Points of a series that a curve is drawn of, at 16 bytes each in memory: 320 MB. A run has a hundred thousand. Beyond: error
/// `OutOfRange`.
pub const SERIES_POINTS: usize = 20_000_000;

/// Most points that a curve is asked for: no screen has more, and its JSON has 4 MB. Beyond: error `InvalidArgument`.
pub const CURVE_POINTS: i32 = 100_000;

/// Points of a run whose health is judged, at 104 bytes each in memory: 200 MB. Beyond: error `OutOfRange`.
pub const HEALTH_POINTS: usize = 2_000_000;

/// Metrics without a column of their own that are kept of one point: a run has some tens. Beyond: finding `too_many_metrics`,
/// and those behind are not kept.
pub const CUSTOM_METRICS: usize = 100;

/// Longest name of such a metric, in characters: it stands in an index for each value. Beyond: finding `not_kept`.
pub const CUSTOM_METRIC_NAME: usize = 200;
