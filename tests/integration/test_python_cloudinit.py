"""cloud-init's reports through our handler, by somebody who may not write the pool: what stands there is what
cloud-init's own handler writes of the same reports, but for the limit of a record."""

import json
import re
import shutil

import hyperv
import pytest
from harness import NOBODY, RECORD, SOMEBODY, Agent, run
from python_client import INTERPRETER, PACKAGE, for_anybody

pytestmark = pytest.mark.skipif(not PACKAGE.exists(), reason="no headers of Python here")

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INCARNATION = re.compile(r"^CLOUD_INIT\|\d+\|")
REPORT = """
import sys, time
from cloudinit.reporting import events, flush_events, update_configuration
if sys.argv[1] == "sluice":
    import sluice.cloudinit
options = {"kvp_file_path": sys.argv[2]} if sys.argv[1] == "hyperv" else {}
update_configuration({"telemetry": {"type": sys.argv[1], **options}})
def at(event, time):
    event.timestamp = time
    events.report_event(event)
at(events.ReportingEvent("start", "init-local", "searching for local datasources"), 1700000000.25)
at(events.ReportingEvent("start", "init-local/search-Azure", "h\\u00e9 \\U0001f600 \\"q\\" \\\\ \\n|"), 1700000000)
at(events.FinishReportingEvent("init-local/search-Azure", "found", "WARN"), 1700000001.5)
at(events.FinishReportingEvent("init-local", "no network", "FAIL"), 1762458810.941724)
at(events.ReportingEvent("diagnostic", "diagnostic message", "x" * 2500), 1762458811)
began = time.monotonic()
flush_events()
print(time.monotonic() - began)
"""


@pytest.fixture(name="cloud_init", scope="module")
def cloud_init_fixture(shared):
    """cloud-init's package, where any user imports it."""
    try:
        unpacked = hyperv.unpack("cloud-init")
    except hyperv.Unavailable as error:
        pytest.skip(str(error))
    folder = shared.folder / "cloud_init"
    shutil.copytree(unpacked / "usr/lib/python3/dist-packages", folder)
    return folder


def report(cloud_init, shared, *arguments, uid=NOBODY, **environment):
    """Returns how long the flush took, in seconds."""
    importable = for_anybody(shared)
    done = run([INTERPRETER, "-c", REPORT, *arguments], uid=uid, env={
        **importable, "PYTHONPATH": f"{importable['PYTHONPATH']}:{cloud_init}", **environment})
    return float(done.stdout)


def told(pairs):
    """(key, value) of each report; UUIDs and incarnations as words, and parts put together."""
    whole = {}
    for key, value in pairs:
        chunk = re.search(r"\|(\d+)$", key)
        if chunk:
            assert json.loads(value)["msg_i"] == int(chunk[1])
            key = key[:chunk.start()]
            value = re.sub(r'"msg_i":\d+,', "", value)
        head, message, tail = re.fullmatch(r'(.*"msg":")(.*)("\})', value).groups()
        whole[key] = head + whole.get(key, head + tail)[len(head):-len(tail)] + message + tail
    return [(INCARNATION.sub("CLOUD_INIT|BOOT|", UUID.sub("UUID", key)), value)
            for key, value in whole.items()]


def theirs(cloud_init, shared):
    """What cloud-init's own handler writes."""
    pool = shared.folder / "their_pool"
    pool.touch()
    pool.chmod(0o666)
    report(cloud_init, shared, "hyperv", str(pool))
    data = pool.read_bytes()
    records = [data[at:at + RECORD] for at in range(0, len(data), RECORD)]
    return [(record[:512].rstrip(b"\0").decode(), record[512:].rstrip(b"\0").decode())
            for record in records]


def test_the_pool_is_as_cloud_inits_own_handler_writes_it(shared, cloud_init):
    with Agent(shared, config=f"[kvp]\ntrusted = ['{NOBODY}']\n") as agent:
        agent.start()
        report(cloud_init, shared, "sluice", SLUICE_SOCKET=str(agent.socket))
        agent.flush()
        written = theirs(cloud_init, shared)
        assert len(written) == 7
        # Records that need no second one are the same byte for byte.
        assert told(agent.pool()[:4]) == told(written[:4])
        assert told(agent.pool()) == told(written)
        assert all(len(value) <= 1022 for _key, value in agent.pool())
        decoded = json.loads(agent.sluice("kvp", "decode", "--dir", str(agent.pool_folder),
                                          "--json").stdout)
        assert "init-local/search-Azure" in json.dumps(decoded)
        assert "WARN cloudinit: found " in agent.log() and "ERROR cloudinit: no network" in agent.log()


def test_who_is_not_trusted_speaks_under_his_own_name(shared, cloud_init):
    with Agent(shared, config=f"[kvp]\ntrusted = ['{NOBODY}']\n") as agent:
        agent.start()
        report(cloud_init, shared, "sluice", uid=SOMEBODY, SLUICE_SOCKET=str(agent.socket))
        agent.flush()
        assert {key.split("|")[0].rpartition("-")[2] for key, _value in agent.pool()} == {
            f"u{SOMEBODY}"}
        assert "|finish|init-local|" in agent.pool()[3][0]


def test_without_an_agent_nothing_fails_and_a_boot_goes_on(shared, cloud_init):
    assert report(cloud_init, shared, "sluice", SLUICE_SOCKET="/nonexistent/sluice.sock") < 2
