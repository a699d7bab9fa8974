"""Our filters beside the real thing: tracing-subscriber's EnvFilter, built by cargo from crates.io,
and the agent's own code answer the same questions."""

import json
import os
import pathlib
import random
import re
import shutil
import subprocess

import pytest

from harness import BUILT, LONG, REPOSITORY

CRATE = REPOSITORY / "tests/interop/env_filter"
VECTORS = REPOSITORY / "agent/filter/testdata/envfilter_vectors.json"
OURS = BUILT.parent / "tests/filter_decisions"
CASES = 30_000 if LONG else 5_000
# cargo's downloads and its output; nothing of it is checked in.
CARGO_TARGET = REPOSITORY / "build/cargo"

# Where the agent differs from EnvFilter 0.3.23 on purpose, with the reason; docs/filters.md lists
# them for people.
MENDED = {
    **dict.fromkeys(["P055", "P056", "P057", "P061"], "white space around a piece"),
    **dict.fromkeys(["P100", "P102"], r"\d and \b in patterns"),
    **dict.fromkeys(["P114", "M135", "M136", "M137"], "a comma within braces"),
    "M094": "infinity matches itself",
    "M127": "a literal is compared for equality",
    "M085": "there is one integer type",
}


def build_reference():
    """The program around the real EnvFilter; skips, aloud, where it cannot be had."""
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.skip("no cargo here: the real EnvFilter is not asked")
    done = subprocess.run([cargo, "build", "--release", "--locked"], cwd=CRATE,
                          env={**os.environ, "CARGO_TARGET_DIR": str(CARGO_TARGET)},
                          capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0 and "you're using offline mode" in done.stderr:
        pytest.skip("not downloaded: the real EnvFilter is not asked; tests/run --only interop")
    if done.returncode != 0 and any(sign in done.stderr for sign in (
            "failed to download", "failed to get", "Could not resolve", "Unable to update")):
        pytest.skip("crates.io cannot be reached: the real EnvFilter is not asked")
    assert done.returncode == 0, done.stderr
    return CARGO_TARGET / "release/env_filter"


@pytest.fixture(scope="module", name="reference")
def reference_fixture():
    return build_reference()


def answers(program, questions):
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    done = subprocess.run([str(program)], input=lines, capture_output=True, text=True, timeout=600,
                          check=True)
    answered = done.stdout.split()
    assert len(answered) == len(questions)
    return answered


def differences(reference, questions):
    """(question, EnvFilter's answer, ours) where the two differ."""
    pairs = zip(questions, answers(reference, questions), answers(OURS, questions))
    return [(question, theirs, ours) for question, theirs, ours in pairs if theirs != ours]


def vector_questions():
    vectors = json.loads(VECTORS.read_text())
    for vector in vectors["parse"]:
        # The crate's lossy mode and `Targets` are not EnvFilter's strict parser.
        if vector["mode"] in ("strict", "directive"):
            yield {"id": vector["id"], "filter": vector["text"], "mode": vector["mode"],
                   "patterns": vector.get("patterns", True)}
    for vector in vectors["match"]:
        # In steps, spans are entered and left at will, which a receiver does not see.
        if "steps" not in vector and "default" not in vector:
            yield vector


def test_the_vectors_are_answered_alike_but_for_what_is_mended(reference):
    questions = list(vector_questions())
    assert len(questions) > 250
    different = {question["id"]: (question["filter"], theirs, ours)
                 for question, theirs, ours in differences(reference, questions)}
    unexpected = {key: different[key] for key in different.keys() - MENDED.keys()}
    assert not unexpected
    assert MENDED.keys() == different.keys()


class Maker:
    """Random questions in which no mended defect plays a part."""

    TARGETS = ["", "a", "a::b", "a::bc", "a.b", "ab", "svc", "svc::db::pool"]
    NAMES = ["job", "s", "req uest", "a::b"]
    FIELDS = ["k", "n", "z.y"]
    LEVELS = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"]
    LEVEL_WORDS = ["off", "error", "warn", "info", "debug", "trace", "INFO", "0", "3", "05", ""]
    VALUES = ["4", "-4", "+4", "0", "true", "false", "4.5", "bob", "b.*", "a|ab", ".*", "", "^b",
              "[ab]+", '"bob"', "b$", "(a|b)*", "b?", "nan", "1e2"]
    BAD = ["a=loud", "=info", "[job", "!x", "a=info=b", "[{}]", "[a]b", "[{k=(}]", "[{k=*}]", "{k}",
           "a==", "[{k}x]"]
    RECORDED = [4, -4, 0, 100, True, False, 4.5, 100.0, "bob", "bobby", "xbob", "bobbob", "4", "ab",
                "", '"bob"', {"t": "debug", "v": "bob"}, {"t": "debug", "v": '"bob"'},
                {"t": "u64", "v": "4"}, {"t": "debug", "v": "4"}, {"t": "empty"},
                {"t": "f64", "v": "NaN"}]

    def __init__(self, seed):
        self.random = random.Random(seed)

    def one_of(self, things):
        return self.random.choice(things)

    def often(self, probability):
        return self.random.random() < probability

    def piece(self):
        if self.often(0.02):
            return self.one_of(self.BAD)
        if self.often(0.25):
            return self.one_of(self.LEVEL_WORDS)
        text = self.one_of(self.TARGETS)
        if self.often(0.55) or not text:
            span = self.one_of(self.NAMES) if self.often(0.6) else ""
            field = self.one_of(self.FIELDS) if self.often(0.6) or not span else ""
            value = "=" + self.one_of(self.VALUES) if field and self.often(0.6) else ""
            text += "[" + span + ("{" + field + value + "}" if field else "") + "]"
        return text + ("=" + self.one_of(self.LEVEL_WORDS) if self.often(0.9) else "")

    def fields(self):
        names = [name for name in self.FIELDS if self.often(0.4)]
        return {name: self.one_of(self.RECORDED) for name in names}

    def span(self):
        fields = self.fields()
        records = [{name: self.one_of(self.RECORDED) for name in fields if self.often(0.5)}
                   for _ in range(self.one_of([0, 0, 0, 1, 2]))]
        return {"kind": "span", "name": self.one_of(self.NAMES), "level": self.one_of(self.LEVELS),
                "target": self.one_of(self.TARGETS), "fields": fields, "records": records}

    def question(self):
        subject = self.span() if self.often(0.4) else {
            "kind": "event", "level": self.one_of(self.LEVELS),
            "target": self.one_of(self.TARGETS), "fields": self.fields()}
        subject.pop("records", None)
        pieces = [self.piece() for _ in range(self.one_of([1, 1, 2, 2, 3, 4, 6]))]
        return {"filter": ",".join(pieces), "subject": subject,
                "stack": [self.span() for _ in range(self.one_of([0, 0, 1, 1, 2, 3]))]}


def test_random_filters_decide_alike(reference):
    seed = random.SystemRandom().randrange(1 << 32)
    maker = Maker(seed)
    questions = [maker.question() for _ in range(CASES)]
    theirs = answers(reference, questions)
    # The questions are worth asking: each answer is frequent.
    assert all(theirs.count(answer) > CASES / 50 for answer in ("yes", "no", "bad")), \
        {answer: theirs.count(answer) for answer in set(theirs)}
    different = differences(reference, questions)
    assert not different, f"seed {seed}: {len(different)} differ, the first: {different[:3]}"


# What begins or holds characters that are odd in a target, or seen by nobody.
ODD = ["\u00ad", "😀", "\u0301", "\u200d", "\ufeff", "Ⓐ", "\u0345", "²", "Ⅷ", "٣", "_", "é", "ⁿ", "\u093f",
       "中", "½", "₹", "\u200b", "\u203f", "\U000e0041", "-", ":", ".", "/", "a", "0", "\u2028", "\u00a0", "ß",
       "ﬁ", "\u3164", "\u115f", "\u2800"]
ATOMS = ["a", ".", "[ab]", "(a|b)", "(?:ab)", "é", r"\.", "^", "$", r"\x41"]
REPEATED = ["", "*", "+", "?", "**", "++", "?+", "*?", "+?", "??", "*+", "+*", "*??", "+??", "**?", "?*?"]
NAMES = ["n", "N", "_", "a1", "1a", "a.b", "a-b", "é", "", "a b", "n_", "日本", "²", "ⓐ"]
FLAGS = ["i", "m", "s", "u", "U", "x", "R", "-i", "-m", "-s", "-u", "-U", "-x", "-R", "im", "ms", "iR", "Ru",
         "s-u", "R-m", "", "-", "ii", "i-i", "z"]
OTHERS = [r"\07", r"\12", r"\x4", r"\xff", r"\xFF", r"\u0041", r"\U00000041", r"\ud800", r"\u004",
          r"\U00110000", r"[\u0041]", r"[\u0041-\u0043]", r"[\b]", r"[\d]", r"[a-\d]", r"[\<]", r"[\0]",
          r"\pL", r"\PL", r"\pN", r"[\pL]", r"\p", r"é\é", "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?#c)a",
          "(?>a)", "(?P=n)", "(?P>n)", "()", "(", "(a", ")", "a)", "|", "a|", "|a", "a||b", "[", "[]", "[]a]",
          "[^]", "[^]a]", "[a", "[a-]", "[-a]", "[z-a]", "[a-a]", "[[:alpha:]]", "[[:foo:]]", "[[a]]", "[a&&b]",
          "[a--b]", "[a~~b]", "[a&b]", "[.]", "[*]", "*", "+", "?", "(*)", "^*", "$+", "^**", "a^", "a$b",
          "\\", "\\\\", "a\\"]
VALUES = ["", "a", "b", "A", "ab", "aa", "aab", "aba", "é", "éé", ".", "..", "ÿ", "a\r", "\n"]

# What docs/filters.md says differs, by what marks such a filter.
SAID = {
    "a byte order mark is skipped": "\ufeff",
    "white space shifts every cut, or crashes": "^[\u2028\u00a0]",
    "Marks and circled letters": "^[Ⓐ\u0345\u093f]|<ⓐ>",
    r"`\d`, `\w`, `\s`, `\b`, `\pL`, `(?i)` are refused": r"\\[bBdDsSwWpP]|\(\?[mRsU]*i",
    "`(?x)`": r"\(\?x",
    "nested classes": r"\[\[",
    "class operators": "&&|--|~~",
}


def nasty_patterns():
    yield from (atom + repeated for atom in ATOMS for repeated in REPEATED)
    yield from ("\\" + chr(code) for code in range(0x21, 0x7f) if chr(code) not in "{},")
    yield from (f"(?{p}<{name}>a)" for p in ("", "P") for name in NAMES)
    yield from (f"(?{p}<n>a)(?{q}<{name}>b)" for p in ("", "P") for q in ("", "P") for name in "nm")
    yield from (form.format(flags) for flags in FLAGS for form in ("(?{})a", "(?{}:a)", "(?{}:.)", r"(?{})\xff"))
    yield from OTHERS


def nasty_questions():
    for odd in ODD:
        for rest in ("", "x", "=info", "x=info", "x[job]=debug", "[job]", "info", "info,b=debug"):
            yield {"filter": odd + rest}
        yield from ({"filter": text} for text in ("info" + odd, f"a{odd}b=info", f"a=in{odd}fo"))
    event = {"kind": "event", "level": "INFO", "target": "a", "fields": {}}
    for pattern in nasty_patterns():
        text = f"[{{k={pattern}}}]=info"
        yield {"filter": text}
        for value in VALUES:
            span = {"kind": "span", "name": "s", "level": "INFO", "target": "a", "fields": {"k": value},
                    "records": []}
            yield {"filter": text, "subject": event, "stack": [span]}


def test_nasty_filters_differ_only_as_the_page_says(reference):
    questions = list(nasty_questions())
    assert len({question["filter"] for question in questions}) >= 474
    page = " ".join((REPOSITORY / "docs/filters.md").read_text().split())
    for said in SAID:
        assert said in page
    unexpected = [(ascii(question["filter"]), question.get("stack"), theirs, ours)
                  for question, theirs, ours in differences(reference, questions)
                  if not any(re.search(mark, question["filter"].removeprefix("[{k=") if mark.startswith("^")
                                       else question["filter"]) for mark in SAID.values())]
    assert not unexpected, f"{len(unexpected)} differ, the first: {unexpected[:5]}"
