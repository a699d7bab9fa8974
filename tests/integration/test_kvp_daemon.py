"""Whatever text comes, the Windows host can read the pool to its end: random records through the
codec and the pool file, enumerated by Debian's hv_kvp_daemon and the kernel's conversion."""

import random
import re
import struct
import subprocess

import pytest

import harness
import hyperv

RECORDS = 100_000 if harness.LONG else 5_000
POOL_FILL = harness.BUILT.parent / "tests" / "pool_fill"
KEY_BYTES, VALUE_BYTES = 254, 1022
PLANES = 17


@pytest.fixture
def host(tmp_path):
    try:
        with hyperv.Host(tmp_path) as running:
            yield running
    except hyperv.Unavailable as reason:
        pytest.skip(str(reason))


def field(data):
    return struct.pack("<I", len(data)) + data


class Texts:
    """Random bytes that a program might send as text."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def code_point(self):
        while True:
            point = self.random.choice((
                self.random.randrange(0x20, 0x7F),
                self.random.randrange(0x20),
                self.random.randrange(0x80, 0x800),
                self.random.randrange(0x800, 0x10000),
                self.random.randrange(1, PLANES) * 0x10000 + self.random.randrange(0x10000),
            ))
            if not 0xD800 <= point < 0xE000:
                return chr(point).encode()

    def broken(self):
        return self.random.choice((
            b"\0", b"\xff", b"\x80", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98",
            b"\xed\xa0\x80", b"\xed\xbf\xbf",  # lone surrogates
            b"\xc0\x80", b"\xe0\x80\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80"))

    def text(self, most):
        """Of a length around a cut position, mostly of one kind of code point."""
        size = self.random.choice((self.random.randrange(most), VALUE_BYTES - 4, VALUE_BYTES,
                                   2 * VALUE_BYTES)) + self.random.randrange(-4, 5)
        one = self.code_point()
        text = bytearray()
        while len(text) < min(size, most):
            kind = self.random.random()
            text += one if kind < 0.9 else self.code_point() if kind < 0.97 else self.broken()
        return bytes(text)

    def event(self):
        key = self.text(700) if self.random.random() < 0.2 else b""
        return key, self.text(600), self.text(4000) or b"x"


def stored(text):
    """Text as the codec promises to store it."""
    return text.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def around_the_cut(text):
    """(bytes of the code point at which a value is cut, how many of them stand before the cut)."""
    data = text.encode()
    if len(data) <= VALUE_BYTES:
        return None
    before = next(back for back in range(4) if data[VALUE_BYTES - back] & 0xC0 != 0x80)
    return len(data[VALUE_BYTES - before:].decode()[0].encode()), before


EVERY_CUT = {(size, before) for size in range(1, 5) for before in range(size)}


def joined(items):
    """{running number of the event: its chunks joined} for keys that were built."""
    texts = {}
    for key, value in items:
        head, _, uuid = key.rpartition("|")
        if head.startswith("sluice-0.1.0|"):
            number = int(uuid[:8], 16)
            texts[number] = texts.get(number, "") + value
    return texts


def stored_key(key):
    """The same of a key: what fits of it, in whole characters."""
    return stored(key).encode()[:KEY_BYTES].decode("utf-8", "ignore")


def require_given_keys(items, events, seed):
    """Each event's records stand in order, under its key where one was given."""
    left = iter(items)
    for key, _, value in events:
        text = ""
        while text != stored(value):
            found, part = next(left)
            text += part
            assert stored(value).startswith(text), f"seed {seed}"
            assert not key or found == stored_key(key), f"seed {seed}"
    assert next(left, None) is None, f"seed {seed}"


def test_no_text_ends_the_hosts_enumeration(host, tmp_path):
    pool = tmp_path / ".kvp_pool_1"
    seen, cuts, planes = 0, set(), set()
    seed = random.SystemRandom().randrange(2**32)
    texts = Texts(seed)
    while seen < RECORDS:
        events = [texts.event() for _ in range(700)]
        pool.write_bytes(b"")
        taken = int(subprocess.run(
            [POOL_FILL, pool], check=True, stdout=subprocess.PIPE,
            input=b"".join(field(part) for event in events for part in event)).stdout)
        view = host.kernel_view()
        records = pool.stat().st_size // harness.RECORD
        assert view.failed_at is None, f"seed {seed}"
        assert len(view.items) == records <= 1000, f"seed {seed}"
        expected = {number: stored(value)
                    for number, (key, _, value) in enumerate(events[:taken]) if not key}
        assert joined(view.items) == expected, f"seed {seed}"
        require_given_keys(view.items, events[:taken], seed)
        seen += records
        cuts.update(map(around_the_cut, expected.values()))
        planes.update(ord(char) >> 16 for text in expected.values() for char in text)
    assert cuts >= EVERY_CUT and planes == set(range(PLANES)), f"seed {seed}"


def test_the_emulated_kernel_sees_what_it_should(host, tmp_path):
    """The test above can fail: text that the codec did not make ends the enumeration."""
    def record(key, value):
        return key.ljust(512, b"\0") + value.ljust(2048, b"\0")
    pool = tmp_path / ".kvp_pool_1"
    pool.write_bytes(record(b"a", b"1") + record(b"b", b"x" * 1021 + b"\xc3\xa9")
                     + record(b"c", b"x" * 1021 + b"\xf0\x9f\x98\x80") + record(b"d", b"\xc3"))
    view = host.kernel_view()
    assert [len(value) for _, value in view.items] == [1, 1022, 1021]
    assert view.failed_at == 3


# azure-init's grammar, time and UUID free.
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
PREFIX = rf"sluice-0\.1\.0-u{harness.NOBODY}\|[0-9a-f-]{{36}}\|"


def test_the_host_reads_what_unprivileged_processes_caused(shared):
    """Through the built agent: `sluice run` and `sluice event` of nobody, then the daemon."""
    with harness.Agent(shared) as agent:
        agent.start()
        job = (f'{shared.sluice} event --timeout 10s --target libazureinit::user --attr name=ada '
               '--attr n:int=7 "added é|ñ"')
        agent.sluice("run", "--target", "azure_init", "--name", "provision", "--", "sh", "-c", job,
                     uid=harness.NOBODY)
        agent.flush()
        try:
            with hyperv.Host(agent.pool_folder) as running:
                view = running.kernel_view()
        except hyperv.Unavailable as reason:
            pytest.skip(str(reason))
    assert view.failed_at is None
    (event_key, event), (span_key, span) = view.items
    assert re.fullmatch(PREFIX + rf"INFO\|azure_init:provision\|{UUID}", event_key)
    assert re.fullmatch(rf'Time: {TIME} \| Event: message=added é\|ñ, name="ada", n=7', event)
    assert re.fullmatch(PREFIX + rf"INFO\|azure_init:provision\|{UUID}", span_key)
    assert re.fullmatch(rf"Start: {TIME} \| End: {TIME}", span)


def test_a_report_that_does_not_fit_holds_nothing_up(shared):
    with harness.Agent(shared) as agent:
        agent.start()
        agent.sluice("event", "--require", "--attr", "health_report=" + "x" * 2000, "too long")
        agent.sluice("event", "--require", "after it")
        agent.flush()
        counters = {(one["name"], one.get("reason")) for one in agent.status()["counters"]}
        assert ("kvp.report_refused", "size") in counters
        assert b"after it" in agent.pool_path.read_bytes()
        assert b"PROVISIONING_REPORT" not in agent.pool_path.read_bytes()
