"""What others make of our files: headless Chromium of the page that `sluice plot` draws, Perfetto's
trace_processor of what `sluice export` writes for it."""

import json
import pathlib
import re
import shutil

import pytest
from harness import Agent, run

CHROMIUM = shutil.which("chromium")
# PyPI's package `perfetto` is without it and would fetch it from elsewhere.
TRACE_PROCESSOR = shutil.which("trace_processor_shell") or shutil.which("trace_processor")
SIZES = (10, 5000)

# Emits one trace of argv[2] spans, each a little later than the one before, in one process.
EMIT = """
import sys
import telemetry
from sluice.otlp.v1 import trace_pb2
from sluice.v1 import record_pb2

BEGIN = 1_763_632_673_000_000_000
COUNT = int(sys.argv[2])
for first in range(0, COUNT, 500):
    records = []
    for i in range(first, min(first + 500, COUNT)):
        begin = BEGIN + i * 1_000_000
        span = trace_pb2.Span(trace_id=COUNT.to_bytes(16, "big"), span_id=(i + 1).to_bytes(8, "big"),
                              name=f"step {i} with a name that is long enough to be in the way",
                              parent_span_id=((i + 1) // 2).to_bytes(8, "big") if i else b"",
                              start_time_unix_nano=begin, end_time_unix_nano=begin + 700_000_000)
        records.append(record_pb2.Record(kind=record_pb2.RECORD_KIND_SPAN, target="test",
                                         level=record_pb2.LEVEL_INFO, span=span))
    telemetry.emit(sys.argv[1], *records)
"""

# Reads the boxes of all that is drawn, looks for one row by the page's own field, and says what came.
LOOK = """
<script>
{
const box = (element) => element.getBoundingClientRect();
const rows = [...document.querySelectorAll('.r')];
let overlaps = 0, last = -1;
for (const row of rows) {
  const [name, took, lane] = row.children;
  if (box(name).right > box(took).left || box(took).right > box(lane).left) overlaps++;
  if (box(row).top < last - 0.5) overlaps++;
  last = box(row).bottom;
}
const search = document.querySelector('input');
search.value = 'STEP 7 ';
search.oninput();
const found = rows.filter((row) => box(row).height > 0);
const result = document.createElement('pre');
result.id = 'result';
result.textContent = JSON.stringify({
  rows: rows.length, overlaps, found: found.length, text: found[0] && found[0].textContent,
  count: document.querySelector('output').textContent});
document.body.append(result);
}
</script>
"""


@pytest.fixture(scope="module", name="agent")
def agent_with_traces(shared):
    with Agent(shared) as agent:
        agent.start()
        for size in SIZES:
            agent.run_python(EMIT, str(agent.socket), str(size))
        yield agent


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
@pytest.mark.parametrize("size", SIZES)
def test_chromium_draws_the_page_without_overlaps_and_finds_text(agent, size, tmp_path):
    page = pathlib.Path(tmp_path / "page.html")
    trace = size.to_bytes(16, "big").hex()
    agent.sluice("plot", trace, "-o", page)
    assert page.stat().st_size <= 2 << 20
    page.write_text(page.read_text().replace("</body>", LOOK + "</body>"))
    done = run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,800",
                f"--user-data-dir={tmp_path}/profile", "--dump-dom", f"file://{page}"],
               env={"HOME": str(tmp_path)}, timeout=240)
    result = json.loads(re.search(r'id="result">(.*?)</pre>', done.stdout, re.S).group(1))
    assert result["rows"] == size
    assert result["overlaps"] == 0
    assert result["found"] == 1 and "step 7 " in result["text"]
    assert result["count"] == f"1 of {size}"


@pytest.mark.skipif(TRACE_PROCESSOR is None, reason="there is no trace_processor_shell on this machine: Perfetto "
                                                    "opens no export here")
def test_trace_processor_finds_every_span(agent, tmp_path):
    exported, query = tmp_path / "trace.json", tmp_path / "count.sql"
    query.write_text("select count(*) from slice where name like 'step %' and dur = 700000000;")
    for size in SIZES:
        agent.sluice("export", size.to_bytes(16, "big").hex(), "--format", "perfetto", "-o", exported)
        done = run([TRACE_PROCESSOR, "-q", query, exported], timeout=120)
        assert done.stdout.split()[-1] == str(size)
