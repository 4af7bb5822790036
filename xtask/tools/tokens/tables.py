"""Writes what was fitted as Rust tables."""

import math

import features

TITLES = {
    "english": "other English",
    "latin": "other Latin",
    "cyrillic": "Cyrillic",
    "arabic": "Arabic",
    "cjk": "Chinese, Japanese, Korean",
    "other": "others",
}
# Which row of the table makes the band of a script: an English text is held for a chat.
BANDS = {"ENGLISH": "English chat", "LATIN": "other Latin", "CYRILLIC": "Cyrillic", "ARABIC": "Arabic",
         "CJK": "Chinese, Japanese, Korean", "OTHER": "others"}
ORDER = ["English chat", "other English", "code", "other Latin", "Cyrillic", "Arabic", "Chinese, Japanese, Korean", "others"]
UNITS = 1024
# The code has to count these as the tools do.
SAMPLES = [
    "Hello there! How are you doing today?",
    "if (a[0] == 'x') { return b; }  // twice",
    "Größe, élève, señor, żółw, đường",
    "Съешь же ещё этих мягких булок",
    "Καλημέρα κόσμε",
    "مرحبا بالعالم",
    "नमस्ते दुनिया",
    "こんにちは、世界。안녕하세요",
    "“Quoted” – and more… 🙂🧿ꀀ",
]
HEAD = "Written by `cargo xtask calibrate-tokens`; not to be edited."


def write(folder, costs, known, held_out):
    units = [round(cost * UNITS) for cost in costs]
    pairs = [units[at : at + features.COUNT] for at in range(0, features.LOWS, features.COUNT)]
    counter = features.Features(set())
    lines = [
        "//! What characters cost in 1024ths of a token, and how far off that was on texts that were not fitted.",
        "//!",
        f"//! {HEAD}",
        "",
        "/// Parts of a token that the costs are counted in.",
        f"pub(super) const UNITS_PER_TOKEN: u64 = {UNITS};",
        "/// Classes of neighbouring characters: those of ASCII, then known ones of U+0080 to U+07FF, then the rest.",
        f"pub(super) const CLASSES: usize = {features.COUNT};",
        "/// The class before a text's first character.",
        f"pub(super) const SPACE: u8 = {features.SPACE};",
        "",
        "/// Largest held-out error of each script, in percent, rounded up.",
    ]
    for name, row in BANDS.items():
        worst = max(abs(error) for error, _ in held_out[row])
        lines.append(f"pub(super) const BAND_{name}_PCT: u32 = {math.ceil(100 * worst)};")
    lines += ["", "/// Held-out texts: what they are, how many, lowest and highest error in tenths of a percent.",
              "#[rustfmt::skip]", f"pub const HELD_OUT: [(&str, u32, i32, i32); {len(ORDER)}] = ["]
    for row in ORDER:
        found = [error for error, _ in held_out[row]]
        low, high = (round(1000 * end) for end in (min(found), max(found)))
        lines.append(f'    ("{row}", {len(found)}, {low}, {high}),')
    lines += ["];", "", "/// The class of each ASCII character."]
    lines += _array("CLASS", "[u8; 128]", [int(number) for number in counter.classes[:128]])
    lines += ["", "/// Cost of a character of the second class after one of the first."]
    lines += ["#[rustfmt::skip]", "pub(super) const PAIRS: [[u16; CLASSES]; CLASSES] = ["]
    for row in pairs:
        lines += ["    ["] + _numbers(row, 8) + ["    ],"]
    lines += ["];", "", "/// Cost of each known character from U+0080 to U+07FF, beside that of its pair."]
    low = enumerate(units[features.LOWS : features.KNOWNS], features.LOW[0])
    lines += _array("LOW", f"[u16; {features.LOW[1] - features.LOW[0]}]", [unit if known[code] else 0 for code, unit in low])
    blocks = [f"(0x{first:x}, {cost})" for first, cost in zip(features.BLOCKS, units[features.KNOWNS :])]
    lines += ["", "/// First character of each block above, and what one costs that the vocabulary knows.", "#[rustfmt::skip]",
              f"pub(super) const BLOCKS: [(u32, u16); {len(features.BLOCKS)}] = ["]
    lines += _wrap(blocks) + ["];"]
    counter = features.Features({chr(code) for code in known.nonzero()[0]})
    lines += ["", "/// What the tools count for these texts, in units.", "#[cfg(test)]",
              f"pub(super) const COUNTED: [(&str, u64); {len(SAMPLES)}] = ["]
    for sample in SAMPLES:
        row, certain = counter.count([sample])
        total = sum(int(count) * unit for count, unit in zip(row, units)) + certain * UNITS
        lines.append(f'    ("{sample}", {total}),')
    lines += ["];"]
    (folder / "costs.rs").write_text("\n".join(lines) + "\n")
    lines = ["//! Which characters beyond ASCII the vocabulary knows; of any other it spends a token on each byte.", "//!",
             f"//! {HEAD}", "", "/// First character of a range, and a bit for each from there on, lowest first.", "#[rustfmt::skip]",
             f"pub(super) const KNOWN: [(u32, &[u32]); {len(features.KNOWN)}] = ["]
    for first, end in features.KNOWN:
        words = [sum(int(known[at + bit]) << bit for bit in range(32)) for at in range(first, end, 32)]
        lines += [f"    (0x{first:x}, &["] + _wrap([f"0x{word:x}" for word in words], 8) + ["    ]),"]
    (folder / "known.rs").write_text("\n".join(lines + ["];"]) + "\n")


def _array(name, kind, numbers):
    return ["#[rustfmt::skip]", f"pub(super) const {name}: {kind} = ["] + _numbers(numbers) + ["];"]


def _numbers(numbers, indent=4):
    return _wrap([str(number) for number in numbers], indent)


def _wrap(items, indent=4):
    """Lines that are as full as the house allows."""
    lines, line = [], ""
    for item in items:
        if len(line) + len(item) + 2 > 108 - indent:
            lines.append(" " * indent + line.rstrip())
            line = ""
        line += item + ", "
    return lines + [" " * indent + line.rstrip()]
