"""What the estimator counts in a text: the same as core/src/dataset/tokens.rs, one column for each cost.

A cost belongs to a pair of neighbouring classes (ASCII nearly character by character), and beside that to each
character below U+0800 or to its block above. A character that the vocabulary lacks is a token for each of its bytes.
"""

import numpy

# Each string is a class of ASCII characters; letters, digits and the common signs are told apart.
CLASSES = (
    [chr(code) for code in range(ord("a"), ord("z") + 1)]
    + ["ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", " ", "\n\r"]
    + ["'", '"', ",", ".", "-", "_", "/", ":", ";", "!", "?", "(", ")", "[]", "{}", "<>", "=", "*", "#", "&|", "`"]
)
REST = len(CLASSES)  # other ASCII
LETTER = REST + 1  # U+0080 to U+07FF, if the vocabulary knows it
FAR = REST + 2  # the rest of Unicode
COUNT = REST + 3
SPACE = CLASSES.index(" ")

LOW = (0x80, 0x800)
# First character of each block above U+0800 whose costs are its own; the last ends with Unicode.
BLOCKS = [
    0x0800, 0x0900, 0x0980, 0x0A00, 0x0A80, 0x0B00, 0x0B80, 0x0C00, 0x0C80, 0x0D00, 0x0D80, 0x0E00, 0x0E80, 0x0F00,
    0x1000, 0x10A0, 0x1100, 0x1200, 0x1400, 0x1E00, 0x1F00, 0x2000, 0x2070, 0x3000, 0x3040, 0x30A0, 0x3100, 0x4E00,
    0xA000, 0xAC00, 0xD7B0, 0xFF00, 0x10000,
]
# What is looked up in the vocabulary, in whole words of 32 characters.
KNOWN = [(0x0080, 0x2800), (0x3000, 0x3100), (0x4E00, 0xA000), (0xAC00, 0xD7C0), (0xFF00, 0x10000)]

PAIRS = 0
LOWS = PAIRS + COUNT * COUNT
KNOWNS = LOWS + LOW[1] - LOW[0]
COLUMNS = KNOWNS + len(BLOCKS)
# Who the characters of a text belong to; ASCII and signs that all use are nobody's.
SCRIPTS = ["latin", "cyrillic", "arabic", "cjk", "other"]
_RANGES = {
    "latin": [(0xC0, 0x250), (0x1E00, 0x1F00)],
    "cyrillic": [(0x400, 0x530)],
    "arabic": [(0x600, 0x780), (0xFB50, 0xFE00), (0xFE70, 0xFF00)],
    "cjk": [(0x1100, 0x1200), (0x3000, 0x3200), (0x3400, 0xA000), (0xAC00, 0xD7B0), (0xFF00, 0xFFF0), (0x20000, 0x32000)],
    "other": [(0x250, 0x400), (0x530, 0x600), (0x780, 0x1100), (0x1200, 0x1E00), (0x1F00, 0x2000), (0x2C00, 0x2E00), (0xA000, 0xAC00)],
}
# Between messages; no text has it.
JOINT = "\uffff"


class Features:
    def __init__(self, pieces):
        """`pieces`: the vocabulary's single characters."""
        self.known = numpy.zeros(0x110000, bool)
        for first, end in KNOWN:
            for code in range(first, end):
                self.known[code] = chr(code) in pieces
        self.classes = numpy.full(0x110000, FAR, numpy.int64)
        self.classes[: LOW[0]] = REST
        for index, characters in enumerate(CLASSES):
            for character in characters:
                self.classes[ord(character)] = index
        self.classes[LOW[0] : LOW[1]] = numpy.where(self.known[LOW[0] : LOW[1]], LETTER, FAR)

        self.scripts = numpy.full(0x110000, len(SCRIPTS), numpy.int64)
        for index, name in enumerate(SCRIPTS):
            for first, end in _RANGES[name]:
                self.scripts[first:end] = index

    def script(self, messages):
        """The script whose error band a text has: the same rule as `Tokens::error_band_pct`."""
        codes = self.codes(messages)
        codes = codes[codes != ord(JOINT)]
        counts = numpy.bincount(self.scripts[codes], minlength=len(SCRIPTS) + 1)
        ascii = int((codes < 0x80).sum())
        foreign = counts[1 : len(SCRIPTS)]
        if foreign.sum() * 10 > ascii + foreign.sum() + counts[0]:
            return SCRIPTS[1 + int(foreign.argmax())]
        th = sum(message.count("th") for message in messages)
        return "english" if counts[0] * 200 < ascii and th * 110 > ascii else "latin"

    def codes(self, messages):
        return numpy.frombuffer(JOINT.join(messages).encode("utf-32-le"), numpy.uint32).astype(numpy.int64)

    def count(self, messages):
        """(columns, tokens that are certain: the bytes of what the vocabulary lacks)."""
        codes = self.codes(messages)
        joint = codes == ord(JOINT)
        classes = self.classes[codes]
        # A message begins as if after a space.
        before = numpy.concatenate([[SPACE], classes[:-1]])
        before[numpy.concatenate([[False], joint[:-1]])] = SPACE
        codes, classes, before = codes[~joint], classes[~joint], before[~joint]
        row = numpy.zeros(COLUMNS)
        row[PAIRS:LOWS] = numpy.bincount(before * COUNT + classes, minlength=COUNT * COUNT)
        unknown = codes[(codes >= LOW[0]) & ~self.known[codes]]
        codes = codes[(codes >= LOW[0]) & self.known[codes]]
        low = codes[codes < LOW[1]]
        row[LOWS:KNOWNS] = numpy.bincount(low - LOW[0], minlength=LOW[1] - LOW[0])
        far = codes[codes >= LOW[1]]
        row[KNOWNS:] = numpy.bincount(numpy.searchsorted(BLOCKS, far, "right") - 1, minlength=len(BLOCKS))
        certain = 2 * len(unknown) + (unknown >= LOW[1]).sum() + (unknown >= 0x10000).sum()
        return row, int(certain)
