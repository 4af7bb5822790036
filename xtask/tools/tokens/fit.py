"""Fits the costs on one half of the texts, reports the errors on the other, and writes the tables of the code.

    fit.py VOCABULARY PACKAGES CRATES PAIRS FOLDER

VOCABULARY is Mistral-7B's `tokenizer.model.v1`, PACKAGES the folder of unpacked packages, CRATES a file with one
folder on each line, PAIRS a JSONL file of pairs, and FOLDER where costs.rs and known.rs go.
"""

import collections
import math
import sys
from pathlib import Path

import numpy
import sentencepiece

import corpus
import features
import tables

# One row of the fit: messages of about so many characters.
ROW_CHARS = 1_500
# How hard a cost is pulled to that of its group: a pair of classes seen in few texts says little.
PULL_OF_GROUPS, PULL_OF_COSTS = 1, 1_000
# English chats are what this is for, and few texts.
WEIGHT_OF_CHAT, WEIGHT_OF_ENGLISH = 6, 5
# A row further off than this is an odd one (an IRC log, a table), and pulls no harder.
ODD = 0.15
RARE = 30
UNITS = 1024


class Rows:
    """The texts as numbers."""

    def __init__(self, texts, vocabulary):
        counter = features.Features({vocabulary.id_to_piece(n) for n in range(vocabulary.vocab_size())})
        self.known, self.texts = counter.known, texts
        counts, certain, tokens, owner = [], [], [], []
        for index, (_, _, _, messages) in enumerate(texts):
            for group in _groups(messages):
                row, bytes_ = counter.count(group)
                counts.append(row.astype(numpy.float32))
                certain.append(bytes_)
                tokens.append(sum(map(len, vocabulary.encode(group))))
                owner.append(index)
        self.counts, self.owner = numpy.array(counts), numpy.array(owner)
        self.certain, self.tokens = numpy.array(certain, float), numpy.array(tokens, float)
        self.text_tokens = self.by_text(self.tokens)
        self.scripts = [counter.script(messages) for _, _, _, messages in texts]
        seen, half = collections.Counter(), []
        for kind, language, source, _ in texts:
            half.append(seen[kind, language, source] % 2)
            seen[kind, language, source] += 1
        self.held_out = numpy.array(half) == 1

    def by_text(self, values):
        return numpy.bincount(self.owner, values, minlength=len(self.texts))

    def weights(self):
        """Every language counts by the root of its texts, and every text alike."""
        texts = collections.Counter((kind, language) for kind, language, _, _ in self.texts)
        weight = numpy.zeros(len(self.texts))
        for index, (kind, language, _, _) in enumerate(self.texts):
            weight[index] = texts[kind, language] ** -0.5 / self.text_tokens[index]
            weight[index] *= WEIGHT_OF_CHAT if kind == "chat" else WEIGHT_OF_ENGLISH if language == "en" else 1
        return weight[self.owner] / self.tokens

    def errors(self, costs):
        return self.by_text(self.counts @ costs + self.certain) / self.text_tokens - 1


def _groups(messages):
    group, size = [], 0
    for message in messages:
        group.append(message)
        size += len(message)
        if size >= ROW_CHARS:
            yield group
            group, size = [], 0
    if group:
        yield group


def _group_of_columns():
    """Pairs with the same second class, and characters of one alphabet, are of a group."""
    group = numpy.zeros(features.COLUMNS, int)
    group[: features.LOWS] = numpy.arange(features.LOWS) % features.COUNT
    alphabets = [0x80, 0xC0, 0x250, 0x300, 0x370, 0x400, 0x530, 0x590, 0x600, 0x700]
    low = numpy.arange(*features.LOW)
    group[features.LOWS : features.KNOWNS] = features.COUNT - 1 + numpy.searchsorted(alphabets, low, "right")
    group[features.KNOWNS :] = features.COUNT + len(alphabets) + numpy.arange(len(features.BLOCKS))
    return group


def fit(rows, chosen):
    """Costs, none below zero: least squares of the rows' relative errors, first by group and then by column."""
    counts, target = rows.counts[chosen], (rows.tokens - rows.certain)[chosen]
    weight = rows.weights()[chosen]
    weight /= weight.mean()
    group = _group_of_columns()
    grouped = numpy.stack([counts[:, group == number].sum(1) for number in range(group.max() + 1)], 1)
    start = numpy.full(grouped.shape[1], 0.5)
    by_group, _ = _solve(grouped, target, weight, start, PULL_OF_GROUPS)
    costs = by_group[group]
    used = counts.sum(0) > RARE
    rest = target - counts[:, ~used] @ costs[~used]
    soft = weight
    for _ in range(3):
        solution, estimate = _solve(counts[:, used], rest, soft, by_group[group][used], PULL_OF_COSTS)
        off = abs(estimate - rest) / rows.tokens[chosen]
        soft = weight * numpy.minimum(1, ODD / numpy.maximum(off, 1e-9))
    costs[used] = solution
    return numpy.round(costs * UNITS) / UNITS


def _solve(counts, target, weight, start, pull):
    """min Σ w (counts·c − target)² + pull·|c − start|² with c ≥ 0, by active sets."""
    counts = counts.astype(float)
    weighted = (counts * weight[:, None]).T
    matrix = weighted @ counts
    matrix[numpy.diag_indices_from(matrix)] += pull
    right = weighted @ target + pull * start
    free = numpy.ones(len(start), bool)
    solution = numpy.zeros(len(start))
    for _ in range(60):
        solution[:] = 0
        solution[free] = numpy.linalg.solve(matrix[numpy.ix_(free, free)], right[free])
        negative = free & (solution < -1e-9)
        wanted = ~free & (matrix @ solution - right < -1e-9)
        if not negative.any() and not wanted.any():
            break
        free = (free & ~negative) | wanted
    return numpy.maximum(solution, 0), counts @ numpy.maximum(solution, 0)


def unseen(rows):
    """Errors of the languages that have little text, when none of it is in the fit."""
    count = collections.Counter()
    for kind, language, _, _ in rows.texts:
        count[language] += 1 if kind == "prose" else 3
    few = sorted(language for language in count if count[language] <= 2)
    languages = numpy.array([language for _, language, _, _ in rows.texts])
    found = {}
    for fold in range(4):
        out = numpy.isin(languages, few[fold::4])
        errors = rows.errors(fit(rows, ~(rows.held_out | out)[rows.owner]))
        found.update({language: max(errors[languages == language], key=abs) for language in few[fold::4]})
    return found


def main(vocabulary, packages, crates, pairs, folder):
    texts = corpus.all_texts(Path(packages), [Path(line) for line in Path(crates).read_text().splitlines()], Path(pairs))
    rows = Rows(texts, sentencepiece.SentencePieceProcessor(model_file=vocabulary))
    print(f"{len(texts)} texts, {int(rows.tokens.sum())} tokens", file=sys.stderr)
    costs = fit(rows, ~rows.held_out[rows.owner])
    errors = rows.errors(costs)
    held_out = collections.defaultdict(list)
    for index in numpy.flatnonzero(rows.held_out):
        kind, language, source, _ = texts[index]
        script = rows.scripts[index]
        row = {"chat": "English chat", "code": "code"}.get(kind) or tables.TITLES[script]
        held_out[row].append((errors[index], f"{language} {source}"))
    chat = [index for index, text in enumerate(texts) if text[2] == "pairs"]
    whole = (1 + errors[chat]) @ rows.text_tokens[chat] / rows.text_tokens[chat].sum() - 1
    tables.write(Path(folder), costs, rows.known, held_out)
    for row, found in held_out.items():
        worst = sorted(found, key=lambda pair: -abs(pair[0]))[:6]
        print(f"{row}: {len(found)} texts, rms {100 * math.sqrt(sum(e * e for e, _ in found) / len(found)):.1f} %;",
              ", ".join(f"{name} {100 * error:+.1f}" for error, name in worst))
    print(f"the pair file as a whole: {100 * whole:+.1f} %")
    left_out = sorted(unseen(rows).items(), key=lambda pair: -abs(pair[1]))
    print("left out of the fit:", ", ".join(f"{language} {100 * error:+.0f}" for language, error in left_out))


if __name__ == "__main__":
    main(*sys.argv[1:])
