"""The provisioning report: who may write it, what its bytes are, and that it is there for good when
the call returns."""

import contextlib
import ctypes
import json
import os
import re

import pytest

import harness
from disk import FailingDisk, tmpfs
from harness import NOBODY

VM = "00000000-0000-0000-0000-000000000abc"
KEY = "PROVISIONING_REPORT"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00"
IN_A_PID_NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc"]
IN_A_USER_NAMESPACE = ["unshare", "--user", "--map-root-user"]
WITH_MOUNTS_OF_ITS_OWN = ["unshare", "--mount"]


def configured(shared, config=f'[kvp]\nvm_id = "{VM}"\n', kvp_filter="info"):
    agent = harness.Agent(shared, config=config)
    agent.environment["SLUICE_KVP_FILTER"] = kvp_filter
    return agent


@pytest.fixture(name="agent")
def agent_fixture(shared):
    with configured(shared) as agent:
        yield agent.start()


def reports(agent):
    return [value for key, value in agent.pool() if key == KEY]


def refused(agent):
    """{(reason, uid): count} of reports that stayed what they were."""
    return {(one["reason"], one["uid"]): one["value"] for one in agent.status()["counters"]
            if one["name"] == "kvp.report_refused"}


def require(wrapper):
    """Skips where the machine does not let these tests have a namespace."""
    done = harness.run([*wrapper, "true"], check=False)
    if done.returncode != 0:
        pytest.skip(f"{' '.join(wrapper)}: {done.stderr.strip()}")


def sluice(agent, *arguments, wrapper=(), uid=harness.ROOT, stdin=""):
    env = {"SLUICE_SOCKET": str(agent.socket), "SLUICE_ADMIN_SOCKET": str(agent.admin_socket)}
    return harness.run([*wrapper, agent.shared.sluice, *arguments], uid=uid, env=env, check=False,
                       input=stdin)


def send_event(agent, report, wrapper=(), uid=harness.ROOT):
    """azure-init's way: an event with the attribute health_report."""
    done = sluice(agent, "event", *harness.PATIENT, "--require", "--target", "somebodys::report",
                  "--attr", f"health_report={report}", "Provisioning report", wrapper=wrapper,
                  uid=uid)
    assert done.returncode == 0, done.stderr


DIALECTS = {
    "azure-init": (
        rf'result=success\|agent=Me/1\|pps_type=None\|vm_id={VM}\|timestamp={TIME}\|a=1\|"b=x\|y"',
        rf'result=error\|"reason=it\'s ""bad"""\|agent=Me/1\|a=1\|pps_type=None\|vm_id={VM}'
        rf'\|timestamp={TIME}\|documentation_url=https://e/x'),
    "cloud-init": (
        rf"result=success\|agent=Me/1\|timestamp={TIME}\|vm_id={VM}\|a=1\|'b=x\|y'",
        rf"result=error\|'reason=it''s \"bad\"'\|agent=Me/1\|a=1\|vm_id={VM}\|timestamp={TIME}"
        r"\|documentation_url=https://e/x"),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_its_bytes_are_those_of_the_dialect_and_it_stays_one_record(shared, dialect):
    config = f'[kvp]\nvm_id = "{VM}"\nreport_dialect = "{dialect}"\n'
    success, failure = DIALECTS[dialect]
    with configured(shared, config) as agent:
        agent.start()
        sluice(agent, "event", *harness.PATIENT, "--require", "before")
        done = sluice(agent, "report", "ready", "--agent", "Me/1",
                      "--supporting-data", "a=1,b='x|y'")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        [report] = reports(agent)
        assert re.fullmatch(success, report), report
        assert "before" in agent.pool()[0][1], "what was sent before stands in the pool too"
        done = sluice(agent, "report", "failure", "--agent", "Me/1", "--reason", 'it\'s "bad"',
                      "--supporting-data", "a=1", "--documentation-url", "https://e/x")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        [report] = reports(agent)
        assert re.fullmatch(failure, report), report
        # The pool is written ahead of what else the sinks have to do.
        harness.wait_until(lambda: report.split("|")[0] in agent.log(),
                           "the report is an event in the log as well")


def test_an_event_of_azure_init_becomes_it(agent):
    text = "result=success|agent=Azure-Init/0.1.1|\"k=a|b\""
    send_event(agent, text)
    agent.flush()
    assert reports(agent) == [text]
    assert len(agent.pool()) == 1, "the event itself is not written beside it"


def cachestat(path):
    """(dirty, in writeback) pages of a file, as Linux 6.5 tells; None: it does not."""
    class Range(ctypes.Structure):
        _fields_ = [("offset", ctypes.c_uint64), ("length", ctypes.c_uint64)]

    class Stat(ctypes.Structure):
        _fields_ = [(name, ctypes.c_uint64)
                    for name in ("cache", "dirty", "writeback", "evicted", "recently_evicted")]

    found, libc = Stat(), ctypes.CDLL(None, use_errno=True)
    with open(path, "rb") as file:
        if libc.syscall(451, file.fileno(), ctypes.byref(Range()), ctypes.byref(found), 0) != 0:
            return None
    return found.dirty, found.writeback


def test_it_is_on_the_disk_when_the_call_returns(agent):
    probe = agent.folder / "probe"
    probe.write_bytes(b"x" * 4096)
    if cachestat(probe) in (None, (0, 0)):
        pytest.skip("this kernel or file system does not tell what is unsynced")
    for arguments in (["report", "ready"], ["report", "failure", "--reason", "r"],
                      ["kvp", "write", "a", "1"], ["kvp", "delete", "a"]):
        assert sluice(agent, *arguments).returncode == 0
        assert cachestat(agent.pool_path) == (0, 0), arguments


EVERYTHING_OFF = (f'[kvp]\nvm_id = "{VM}"\n[journal]\nlevel = "off"\n[log]\nfilter = "off"\n'
                  '[stderr]\nfilter = "off"\n')
WANTED_OF_CLIENTS = """
import os, grpc
from sluice.v1 import ingest_pb2_grpc
from sluice.v1.ingest_pb2 import ClientMessage, Hello
hello = ClientMessage(hello=Hello(protocol_version=1, client_id=os.urandom(16)))
with grpc.insecure_channel("unix:" + os.environ["SLUICE_SOCKET"]) as channel:
    for answer in ingest_pb2_grpc.IngestStub(channel).Connect(iter([hello]), timeout=10):
        hint = answer.welcome.hint
        print(hint.default_off, *((one.target_prefix, one.level) for one in hint.targets))
        break
"""


def test_a_client_that_heeds_hints_sends_azure_inits_all_the_same(shared):
    with configured(shared, EVERYTHING_OFF, kvp_filter="off") as agent:
        agent.start()
        assert agent.run_python(WANTED_OF_CLIENTS).stdout == \
            "True ('libazureinit::health::report', 3)\n"


def test_it_is_neither_filtered_nor_split(shared):
    with configured(shared, EVERYTHING_OFF, kvp_filter="off") as agent:
        agent.start()
        assert sluice(agent, "report", "ready").returncode == 0
        assert len(reports(agent)) == 1
        send_event(agent, "result=" + "x" * 1015)
        agent.flush()
        assert reports(agent) == ["result=" + "x" * 1015]
        assert len(agent.pool()) == 1


def test_one_that_fits_no_record_is_refused(agent):
    done = sluice(agent, "report", "failure", "--reason", "x" * 1000)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"sluice: KVP value length \(1\d\d\d\) exceeds maximum \(1022\)\n",
                        done.stderr)
    assert agent.pool() == []
    send_event(agent, "result=" + "x" * 1016)
    agent.flush()
    assert reports(agent) == [] and refused(agent) == {("size", 0): 1}
    assert any("x" * 900 in value for _key, value in agent.pool()), "it stays an ordinary event"


def test_nobody_else_may_write_it(agent):
    done = sluice(agent, "report", "ready", uid=NOBODY)
    assert (done.returncode, done.stdout) == (5, "")
    assert "try as root" in done.stderr
    send_event(agent, "result=success|forged", uid=NOBODY)
    agent.flush()
    assert reports(agent) == [] and refused(agent) == {("not_root", NOBODY): 1}
    [(key, value)] = agent.pool()
    assert f"-u{NOBODY}|" in key and "forged" in value, "it stays an ordinary event"


@pytest.mark.parametrize("wrapper, why", [(IN_A_PID_NAMESPACE, "in another pid namespace"),
                                          (IN_A_USER_NAMESPACE, "in another user namespace")])
def test_root_of_a_container_may_not_write_it(agent, wrapper, why):
    require(wrapper)
    for arguments in (["report", "ready"], ["kvp", "write", KEY, "forged"], ["kvp", "clear"]):
        done = sluice(agent, *arguments, wrapper=wrapper)
        assert (done.returncode, done.stdout) == (5, "")
        assert "only root of the host" in done.stderr and why in done.stderr
    send_event(agent, "result=success|forged", wrapper=wrapper)
    agent.flush()
    assert reports(agent) == [] and refused(agent) == {("container", 0): 2}
    assert any("forged" in value for _key, value in agent.pool()), "it stays an ordinary event"


def test_a_service_with_mounts_of_its_own_is_no_container(agent):
    require(WITH_MOUNTS_OF_ITS_OWN)
    assert sluice(agent, "report", "ready", wrapper=WITH_MOUNTS_OF_ITS_OWN).returncode == 0
    assert len(reports(agent)) == 1


SWITCHED_OFF = pytest.mark.parametrize("config, key", [
    ("[telemetry]\nkvp_diagnostics = false\n", "telemetry.kvp_diagnostics"),
    ("[kvp]\nenabled = false\n", "kvp.enabled")])


@SWITCHED_OFF
def test_what_is_switched_off_says_so(shared, config, key):
    with configured(shared, config) as agent:
        agent.start()
        done = sluice(agent, "report", "ready", "--vm-id", VM)
        assert (done.returncode, done.stdout) == (5, "")
        assert f"switched off by {key} = false (file {agent.config_path}:2)" in done.stderr
        send_event(agent, "result=success")
        agent.flush()
        assert not agent.pool_path.exists() and refused(agent) == {("off", 0): 2}
        assert "result=success" in agent.log(), "it stays an ordinary event"


@SWITCHED_OFF
def test_a_pool_that_is_switched_off_stays_roots(shared, config, key):
    with configured(shared, config) as agent:
        agent.start()

        def kvp(*words, code=0, **options):
            done = sluice(agent, "kvp", *words, **options)
            assert done.returncode == code, (words, done.stdout, done.stderr)
            return done.stdout + done.stderr
        assert "records=0\n" in kvp("info")
        kvp("write", "a", "1")
        kvp("write", "--append", "a", "2")
        kvp("append-multiple", stdin="b=3\nc=4\n")
        assert kvp("read", "a") == "2\n" and kvp("is-stale", code=1) == "false\n"
        assert f"path={agent.pool_path}\n" in kvp("info") and "records=4\n" in kvp("info")
        assert kvp("delete", "a") == "true\n" and kvp("delete-multiple", "b", "x") == "1\n"
        send_event(agent, "result=success")
        agent.flush()
        assert agent.pool() == [("c", "4")], "the agent adds nothing"
        kvp("load", stdin="d=5\n")
        assert kvp("dump") == "d=5\n"
        kvp("clear", "--if-stale")
        os.utime(agent.pool_path, (0, 0))
        assert kvp("is-stale") == "true\n"
        kvp("clear", "--if-stale")
        assert agent.pool() == []
        assert "must not be empty" in kvp("write", "", "1", code=2)
        sink, = (one for one in agent.status()["sinks"] if one["name"] == "kvp")
        assert (sink["state"], sink["destination"]) == ("off", str(agent.pool_path))
        kvp("write", "a", "1", code=5, uid=NOBODY)
        agent.pool_path.unlink()
        agent.pool_folder.rmdir()
        assert str(agent.pool_path) in kvp("write", "a", "1", code=3)
        kvp("delete", "a")


def test_root_of_a_container_may_not_change_what_is_switched_off(shared):
    require(IN_A_PID_NAMESPACE)
    with configured(shared, "[kvp]\nenabled = false\n") as agent:
        agent.start()
        done = sluice(agent, "kvp", "write", "a", "1", wrapper=IN_A_PID_NAMESPACE)
        assert done.returncode == 5 and "only root of the host" in done.stderr
        assert not agent.pool_path.exists()


def test_a_pool_that_cannot_be_written_is_told_and_written_later(agent):
    agent.pool_folder.rmdir()
    done = sluice(agent, "report", "ready", "--timeout", "1s")
    assert (done.returncode, done.stdout) == (3, "")
    assert "not in the pool yet" in done.stderr and str(agent.pool_path) in done.stderr
    assert sluice(agent, "kvp", "write", "a", "1").returncode == 3
    assert sluice(agent, "kvp", "delete", "a").stdout == "false\n"
    agent.pool_folder.mkdir()
    harness.wait_until(lambda: reports(agent), "the report is in the pool")


def test_one_that_the_disk_does_not_take_is_told_and_written_later(shared):
    with configured(shared) as agent:
        disk = FailingDisk(agent)
        agent.start()
        with disk.failing("write"):
            done = sluice(agent, "report", "ready", "--timeout", "1s")
            assert (done.returncode, done.stdout) == (3, "")
            assert "not in the pool yet" in done.stderr and reports(agent) == []
        harness.wait_until(lambda: reports(agent), "the report is in the pool")


def test_the_vm_is_to_be_named_where_it_is_not_known(shared):
    if os.path.exists("/sys/class/dmi/id/product_uuid"):
        pytest.skip("this machine's firmware names the VM")
    with configured(shared, "") as agent:
        agent.start()
        done = sluice(agent, "report", "ready")
        assert (done.returncode, done.stderr) == (
            2, "sluice: unable to determine the current VM ID automatically; "
               "pass --vm-id explicitly\n")
        assert sluice(agent, "report", "ready", "--vm-id", VM).returncode == 0


def test_what_root_removes_does_not_come_back(agent):
    for message in ("alpha", "beta", "gamma"):
        sluice(agent, "event", *harness.PATIENT, "--require", message)
    assert sluice(agent, "report", "ready").returncode == 0
    alpha = next(key for key, value in agent.pool() if "alpha" in value)
    assert sluice(agent, "kvp", "delete", alpha).stdout == "true\n"
    with open(agent.pool_path, "r+b") as pool:  # as another program's rewrite
        pool.truncate(0)
    agent.kill()
    agent.start()
    harness.wait_until(lambda: len(agent.pool()) == 3, "what is ours is restored")
    assert not any("alpha" in value for _key, value in agent.pool())
    assert sluice(agent, "kvp", "clear").returncode == 0
    agent.kill()
    agent.start()
    sluice(agent, "event", *harness.PATIENT, "--require", "delta")
    agent.flush()
    [(_key, value)] = agent.pool()
    assert "delta" in value


@pytest.mark.parametrize("runs", [True, False])
def test_what_root_removes_past_the_agent_does_not_come_back(agent, runs):
    folder = ["--dir", str(agent.pool_folder)]
    for message in ("alpha", "beta"):
        sluice(agent, "event", *harness.PATIENT, "--require", message)
    assert sluice(agent, "report", "ready").returncode == 0
    if not runs:
        agent.kill()
    assert sluice(agent, "kvp", "delete", KEY, *folder).stdout == "true\n"
    assert sluice(agent, "kvp", "clear", *folder).returncode == 0
    if not runs:
        agent.start()
    sluice(agent, "event", *harness.PATIENT, "--require", "gamma")
    agent.flush()
    [(_key, value)] = agent.pool()
    assert "gamma" in value


def test_what_root_removes_while_it_is_switched_off_does_not_come_back(agent):
    sluice(agent, "event", *harness.PATIENT, "--require", "alpha")
    agent.flush()
    switched_on = agent.config_path.read_text()
    agent.config_path.write_text("[kvp]\nenabled = false\n")
    agent.restart()
    assert "alpha" in sluice(agent, "kvp", "dump").stdout
    assert sluice(agent, "kvp", "clear").returncode == 0
    agent.config_path.write_text(switched_on)
    agent.restart()
    sluice(agent, "event", *harness.PATIENT, "--require", "beta")
    agent.flush()
    [(_key, value)] = agent.pool()
    assert "beta" in value


def test_root_may_clear_a_pool_on_a_full_disk(shared):
    with configured(shared) as agent, tmpfs(agent.pool_folder, "128k"):
        agent.start()
        for number in range(20):
            sluice(agent, "event", *harness.PATIENT, "--require", f"number {number}")
        agent.flush()
        agent.kill()
        with contextlib.suppress(OSError), open(agent.pool_folder / "ballast", "wb",
                                                buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        keys = [key for key, _value in agent.pool()]
        for edit in (["delete-multiple", *keys[:9]], ["clear"]):
            done = sluice(agent, "kvp", *edit, "--dir", str(agent.pool_folder))
            assert (done.returncode, done.stderr) == (0, "")
        agent.start()
        sluice(agent, "event", *harness.PATIENT, "--require", "after it")
        agent.flush()
        [(_key, value)] = agent.pool()
        assert "after it" in value


def test_it_moves_no_record_of_another_program(agent):
    others = [("A", "1"), (KEY, "cloud-init's"), ("B", "2"), (KEY, "another's"), ("C", "3")]
    agent.pool_path.write_bytes(b"".join(
        key.encode().ljust(harness.KEY, b"\0")
        + value.encode().ljust(harness.RECORD - harness.KEY, b"\0") for key, value in others))
    assert sluice(agent, "report", "ready").returncode == 0
    ours = [record for record in agent.pool() if record[0] == KEY]
    assert len(ours) == 2 and ours[0] == ours[1] and ours[0][1].startswith("result=success")
    assert [key for key, _value in agent.pool()][:5] == ["A", KEY, "B", KEY, "C"]


def test_without_an_agent_it_goes_into_the_file(agent):
    folder = agent.folder / "copy"
    folder.mkdir()
    done = sluice(agent, "report", "ready", "--dir", str(folder), "--vm-id", VM)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = sluice(agent, "kvp", "read", KEY, "--dir", str(folder))
    assert re.fullmatch(rf"result=success\|agent=sluice/[\d.]+\|pps_type=None\|vm_id={VM}"
                        rf"\|timestamp={TIME}\n", done.stdout)
    assert json.loads(sluice(agent, "kvp", "decode", "--json", "--dir", str(folder)).stdout)[0][
        "kind"] == "report"
    assert agent.pool() == []
