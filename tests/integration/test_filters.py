"""Filters through the real agent: where each comes from, what it lets through, what is said of a bad
one, and what a client need not send."""

import json
import pathlib
import re
import shlex
import subprocess

import pytest
from harness import BUILT, NOBODY, REPOSITORY, SOMEBODY, Agent, as_user, run, wait_until
from native_client import CountingProxy, NativeClient

LIBRARY = BUILT.parent / "lib/libsluice.so"
AZURE_INIT_LIST = "WARN,azure_init=INFO,libazureinit=INFO,libazureinit::config::success"


def emit(agent, *events):
    """Events as (level, target, text)."""
    import telemetry
    from sluice.v1 import record_pb2
    telemetry.emit(agent.socket, *(
        telemetry.event(text, level=record_pb2.Level.Value(f"LEVEL_{level.upper()}"),
                        target=target) for level, target, text in events))
    agent.flush()


def pool_texts(agent):
    return [item["text"] for item in json.loads(agent.sluice("kvp", "decode", "--json").stdout)]


def in_pool(agent, word):
    return any(word in text for text in pool_texts(agent))


def settings(agent):
    """{key: (value, origin)} as `sluice config cat` tells them."""
    return {one["key"]: (one["value"], one["origin"])
            for one in json.loads(agent.sluice("config", "cat", "--json").stdout)}


def origin_of(agent, key):
    return settings(agent)[key][1]


def starting(shared, config="", **environment):
    agent = Agent(shared, config=config)
    agent.environment = environment
    return agent


def test_the_pool_has_azure_inits_list_by_default(shared):
    with starting(shared) as agent:
        agent.start()
        emit(agent, ("info", "azure_init", "of azure-init"), ("info", "other", "of others"),
             ("warn", "other", "a warning"), ("debug", "libazureinit", "a detail"),
             ("trace", "libazureinit::http::success", "a success"))
        assert [in_pool(agent, text) for text in
                ("of azure-init", "of others", "a warning", "a detail", "a success")] == \
               [True, False, True, False, True]
        value, origin = settings(agent)["kvp.filter"]
        assert value.startswith(AZURE_INIT_LIST) and origin == "default"


def test_environment_wins_over_file_wins_over_default(shared):
    config = '[telemetry]\nkvp_filter = "error"\n'
    ours, theirs = {"SLUICE_KVP_FILTER": "a=info"}, {"AZURE_INIT_KVP_FILTER": "b=info"}
    expected = [({**ours, **theirs}, ["a"], "environment SLUICE_KVP_FILTER"),
                (theirs, ["b"], "environment AZURE_INIT_KVP_FILTER"),
                ({}, [], "file ")]
    for environment, passing, origin in expected:
        with starting(shared, config, **environment) as agent:
            agent.start()
            emit(agent, ("info", "a", "info of a"), ("info", "b", "info of b"))
            assert [name for name in "ab" if in_pool(agent, f"info of {name}")] == passing
            assert origin_of(agent, "kvp.filter").startswith(origin)


@pytest.mark.parametrize("variable, section", [
    ("SLUICE_KVP_FILTER", "kvp"), ("AZURE_INIT_KVP_FILTER", "kvp"), ("SLUICE_LOG", "log"),
    ("AZURE_INIT_LOG", "stderr"), ("SLUICE_OTLP_FILTER", "otlp")])
def test_a_bad_filter_names_piece_and_reason_and_the_next_counts(shared, variable, section):
    reason = '"app=loud": "loud" is not a level (off, error, warn, info, debug, trace, 0-5) ' \
             "(level error at byte 9)"
    config = f'[{section}]\nfilter = "debug,[job"\n'
    with starting(shared, config, **{variable: "info,app=loud"}) as agent:
        agent.start()
        said = agent.stderr()
        assert f"Invalid '{variable}' value, falling back to config filter: {reason}" in said
        assert f"Invalid config {section}.filter, falling back to default filter: " \
               "\"[job\": '[' is not closed (syntax error at byte 6)" in said
        assert origin_of(agent, f"{section}.filter") == "default"
    with starting(shared, config.replace("debug,[job", "debug"), **{variable: " "}) as agent:
        agent.start()
        assert f"Invalid '{variable}' value, falling back to config filter" in agent.stderr()
        assert origin_of(agent, f"{section}.filter").startswith("file ")


def test_a_bad_filter_in_our_variable_gives_way_to_azure_inits(shared):
    with starting(shared, SLUICE_KVP_FILTER="a=b", AZURE_INIT_KVP_FILTER="error") as agent:
        agent.start()
        assert "Invalid 'SLUICE_KVP_FILTER' value, falling back to environment filter" \
            in agent.stderr()
        assert origin_of(agent, "kvp.filter") == "environment AZURE_INIT_KVP_FILTER"


def test_a_log_that_is_off_leaves_traces_and_pool_alone(shared):
    with starting(shared, SLUICE_LOG="off", SLUICE_KVP_FILTER="info") as agent:
        agent.start()
        agent.sluice("run", "--name", "kept", "--", "true")
        emit(agent, ("error", "app", "kept too"))
        assert "kept" in agent.sluice("tree", "--last").stdout
        assert in_pool(agent, "kept too")
        assert agent.log() == "" and "kept" not in agent.stderr()


def test_with_kvp_diagnostics_false_the_pool_stays_as_it_is(shared):
    with starting(shared, "telemetry.kvp_diagnostics = false\n", SLUICE_KVP_FILTER="info") as agent:
        agent.start()
        emit(agent, ("error", "azure_init", "not for the host"))
        assert not agent.pool_path.exists()
        assert "not for the host" in agent.log()
        assert {sink["name"]: sink["state"] for sink in agent.status()["sinks"]}["kvp"] == "off"


# What is sent. The views want what `journal.level` says of every target, so it is lowered as well.
FEW = '[journal]\nlevel = "error"\n[log]\nfilter = "error,foo=debug"\n[kvp]\nfilter = "off"\n' \
      '[stderr]\nenabled = false\n'


def test_what_nobody_wants_is_not_sent_until_a_reload_asks_for_it(shared):
    with starting(shared, FEW) as agent:
        agent.start()
        path = agent.folder / "counted"
        with CountingProxy(path, agent.socket) as proxy, NativeClient(LIBRARY, path) as client:
            client.emit("foo", "error", "brings the hint")
            before = proxy.from_clients
            stats = client.emit("bar", "info", "for nobody", count=10_000)
            assert (proxy.from_clients - before, stats["suppressed"], stats["emitted"]) == \
                   (0, 10_000, 1)
            client.emit("foo", "debug", "of foo")
            assert proxy.from_clients > before
            agent.flush()
            assert "of foo" in agent.log() and "for nobody" not in agent.log()

            agent.config_path.write_text(FEW.replace("foo=debug", "bar=info"))
            assert "error,bar=info" in agent.sluice("config", "reload").stdout
            wait_until(lambda: client.emit("bar", "info", "of bar")["emitted"] > 2,
                       "the client sends it")
            assert client.emit("foo", "debug", "no more")["suppressed"] > 10_000
            agent.flush()
            assert "of bar" in agent.log() and "no more" not in agent.log()


def test_with_the_default_configuration_the_views_have_every_info(shared):
    with starting(shared) as agent:
        agent.start()
        with NativeClient(LIBRARY, agent.socket) as client:
            assert client.emit("bar", "info", "for the views")["emitted"] == 1
            client.emit("bar", "debug", "for nobody")
            assert client.emit("bar", "debug", "for nobody")["suppressed"] >= 1


# The example of vLLora: a crate's spans and those of the application, two layers, one trace.
VLLORA = """
[log]
format = "json"
[log.routes]
vllora = "vllora::user_tracing=info"
app = "app::runtime=info"
"""


def test_two_routes_share_one_trace_and_skip_what_neither_takes(shared):
    import telemetry
    from sluice.v1 import record_pb2

    def in_target(record, target, level=record_pb2.LEVEL_INFO):
        record.target, record.level = target, level
        return record

    run = telemetry.Span("run")
    agent_span = telemetry.Span("agent", parent=run)
    request = telemetry.Span("http", parent=agent_span)  # of a library, in neither route
    task = telemetry.Span("task", parent=request)
    tool = telemetry.Span("tool", parent=task)
    with starting(shared, VLLORA) as agent:
        agent.start()
        telemetry.emit(
            agent.socket,
            in_target(run.start(), "vllora::user_tracing::run"),
            in_target(agent_span.start(), "app::runtime::execution"),
            in_target(request.start(), "hyper::client"),
            in_target(task.start(), "app::runtime_x"),  # a plain prefix
            in_target(tool.start(), "vllora::user_tracing::spans", record_pb2.LEVEL_DEBUG),
            in_target(task.event("of task"), "app::runtime"),
            in_target(task.event("1. Created run span"), "tracing_example"),
            in_target(task.end(), ""), in_target(run.end(), ""))
        agent.flush()
        lines = [json.loads(line) for line in agent.log().splitlines()]
        [event] = [line for line in lines if "of task" in json.dumps(line)]
        names = [span["name"] for span in event["spans"]]
        # Its nearest ancestor that a route takes is `task`, below `agent`, below `run`.
        assert names == ["run", "agent", "task"]
        written = json.dumps(lines)
        assert "http" not in written and "tool" not in written and "Created" not in written
        assert {line["trace_id"] for line in lines if "trace_id" in line} == {run.trace_id.hex()}

        done = agent.sluice("event", "--explain", "--dry-run", "--json", "--target", "app::runtime",
                            "x")
        verdicts = {one["sink"]: one for one in json.loads(done.stdout)["verdicts"]}
        assert verdicts["file"]["routes"] == ["app"]
        assert verdicts["file"]["directive"] == "app::runtime=info"


def explain(agent, *arguments, uid=NOBODY):
    done = agent.sluice("filter", "explain", *arguments, uid=uid, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.strip()


def test_a_user_checks_a_filter_piece_by_piece(agent):
    good = agent.sluice("filter", "check", "info, svc[job{id=4}]=debug,warning", uid=NOBODY)
    assert good.stdout.splitlines() == [
        "ok     info  (target)",
        "ok     svc[job{id=4}]=debug  (inside spans that match)",
        "odd    warning=trace  (target)",
        "    warning",
        '    ^ ' + good.stdout.splitlines()[4].split("^ ")[1]]
    bad = agent.sluice("filter", "check", "info, é=loud,[{k=(}]", uid=NOBODY, check=False)
    lines = bad.stdout.splitlines()
    assert bad.returncode == 1
    assert lines[1:4] == [
        "wrong  é=loud  (level error)", "    é=loud",
        '      ^ "loud" is not a level (off, error, warn, info, debug, trace, 0-5)']
    assert lines[4] == "wrong  [{k=(}]  (field error)" and "missing )" in lines[6]
    pieces = json.loads(agent.sluice("filter", "check", "--json", "a,[x", uid=NOBODY,
                                     check=False).stdout)["pieces"]
    assert [(piece["text"], piece["offset"], piece["fault"], piece["directive"])
            for piece in pieces] == [("a", 0, "", "a=trace"), ("[x", 2, "syntax", "")]


def test_the_tools_page_shows_what_the_verbs_print(agent):
    page = (REPOSITORY / "docs/tool.md").read_text()
    checked = agent.sluice("filter", "check", "info,warning,app=loud", check=False).stdout
    shown = "".join(f"    {line}\n" for line in checked.splitlines()[:-1])
    assert shown in page
    [(command, answer)] = re.findall(r"^    \$ (sluice filter .*)\n    (.*)$", page, re.M)
    assert agent.sluice(*shlex.split(command)[1:]).stdout == answer + "\n"


def test_a_user_learns_which_directive_decides(agent):
    text = "warn,svc=info,svc[job{id=4}]=trace"
    event = ("--target", "svc::db", "--level", "debug")
    assert explain(agent, text, *event) == (1, 'disabled by "svc=info" (target)')
    inside = ("--span", "outer", "--span", "job", "--field", "id:int=4")
    assert explain(agent, text, *event, *inside) == \
        (0, 'enabled by "svc[job{id=4}]=trace" (enclosing span)')
    assert explain(agent, text, *event, *inside[:-1], "id:int=5")[0] == 1
    assert explain(agent, text, *event, *inside, "--span-target", "other")[0] == 1
    assert explain(agent, text, "--target", "svc", "--level", "trace", "--name", "job", "--field",
                   "id:int=9") == (0, 'enabled by "svc[job{id=4}]=trace" (the span itself)')
    assert explain(agent, "[{k}]=debug", "--level", "debug", "--field", "k=1")[0] == 0
    assert explain(agent, "", "--level", "error") == (1, "disabled: no directive applies")
    bad = agent.sluice("filter", "explain", "a=b", "--target", "a", check=False)
    assert bad.returncode == 2 and "sluice filter check" in bad.stderr
    bad = agent.sluice("filter", "explain", "a", "--field", "id:int=x", check=False)
    assert bad.returncode == 2 and bad.stderr.startswith("sluice: --field 'id:int=x': ")


def test_the_filters_in_force_explain_an_event_within_its_open_spans(shared):
    import telemetry
    config = '[log]\nfilter = "error,[job]=debug"\n[stderr]\nenabled = false\n'
    with starting(shared, config, SLUICE_KVP_FILTER="warn") as agent:
        agent.start()
        job = telemetry.Span("job")
        inner = telemetry.Span("inner", parent=job)
        telemetry.emit(agent.socket, job.start(), inner.start())
        parent = f"00-{inner.trace_id.hex()}-{inner.span_id.hex()}-01"

        def ask(*arguments, uid=0, **env):
            done = agent.sluice("event", "--explain", "--json", "--timeout", "10s", *arguments,
                                "it happened", uid=uid, env=env, check=False)
            verdicts = json.loads(done.stdout)["verdicts"]
            return done.returncode, {one["sink"]: (one["enabled"], one["directive"], one["reason"])
                                     for one in verdicts}

        code, verdicts = ask("--dry-run", TRACEPARENT=parent)
        assert code == 0
        assert verdicts["file"] == (True, "[job]=debug", "enclosing span")
        assert verdicts["kvp"] == (False, "warn", "target")
        assert verdicts["stderr"] == (False, "", "the sink is off")
        assert verdicts["journal"] == (True, "", "journal.level")
        # Root's spans enclose what others emit.
        assert ask("--dry-run", uid=NOBODY, TRACEPARENT=parent)[1]["file"][0]
        assert not ask("--dry-run")[1]["file"][0]
        agent.flush()
        assert "it happened" not in agent.log()
        assert ask("--level", "trace", "--dry-run")[0] == 1  # nobody takes it
        assert ask(TRACEPARENT=parent)[0] == 0
        agent.flush()
        assert agent.log().count("it happened") == 1


def test_asking_without_an_agent_says_how_to_start_one(shared, tmp_path):
    for verb in (["filter", "check", "info"], ["filter", "explain", "info"], ["config", "cat"],
                 ["config", "reload"], ["event", "--explain", "--dry-run", "x"]):
        done = run([shared.sluice, *verb, "--socket", tmp_path / "none"], check=False)
        assert (done.returncode, done.stdout) == (4, "")
        assert "start sluiced" in done.stderr


def test_hostile_questions_are_bounded_refused_and_counted(agent):
    """Patterns that are costly to compile and to match, asked by many at once."""
    pattern = ".*a" + "[ab]" * 50 + "c"
    hostile = ",".join(f"[{{k{number}={pattern}}}]" for number in range(240))
    question = ["filter", "explain", hostile, "--span", "s", "--field", "k7=" + "ab" * 2000]
    codes = []

    def ask_at_once():
        asking = [subprocess.Popen(
            [str(agent.shared.sluice), *question, "--timeout", "60s"], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, env={"SLUICE_SOCKET": str(agent.socket)},
            **as_user(NOBODY)) for _ in range(24)]
        # Others are answered meanwhile.
        assert agent.sluice("filter", "check", "info", "--timeout", "30s", uid=SOMEBODY).stdout
        emit(agent, ("error", "app", "not held up"))
        codes.extend((one.wait(60), one.stderr.read()) for one in asking)
        return any(code == 5 for code, _said in codes)

    # On a busy machine the first is answered before the last has started.
    wait_until(ask_at_once, "more were asked at once than are taken")
    refused = [said for code, said in codes if code == 5]
    assert refused and all("too many queries at once" in said or "took too much time" in said
                           for said in refused)
    assert all(code in (0, 1, 5) for code, _said in codes)
    counters = [one for one in agent.status()["counters"] if one["name"] == "query.refused"]
    assert {(one["uid"], one["reason"]) for one in counters} <= \
        {(NOBODY, "too_many"), (NOBODY, "cost")}
    assert sum(one["value"] for one in counters) == len(refused)
    peak = re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{agent.pid()}/status").read_text())
    assert int(peak.group(1)) < 256 * 1024

    def check_what_is_too_long():
        done = agent.sluice("filter", "check", "a," * 40_000, uid=NOBODY, check=False)
        return done if "took too much time" not in done.stderr else None
    too_long = wait_until(check_what_is_too_long, "earlier questions are paid for")
    assert too_long.returncode == 1 and "longer than 65536 bytes" in too_long.stdout


def test_questions_are_taken_up_to_their_limits(agent):
    import telemetry

    def ask(spans, size):
        fields = ("--field", "k=" + "x" * size)
        done = agent.sluice("filter", "explain", "info", *[
            word for number in range(spans) for word in ("--span", str(number), *fields)],
            uid=NOBODY, check=False)
        return done.returncode, done.stderr
    assert ask(31, 1)[0] == ask(32, 1)[0] == 0
    assert ask(33, 1)[0] == 5 and "more than 32 spans" in ask(33, 1)[1]
    assert ask(2, 32_000)[0] == 0
    assert ask(2, 33_000)[0] == 5 and "too large" in ask(2, 33_000)[1]

    span = None
    for size in [60_000] * 17 + [26_000]:  # 1,046,000 bytes and a few
        span = telemetry.Span("large", parent=span)
        telemetry.emit(agent.socket, span.start(k="x" * size))
    for size, code in [(1_000, 0), (2_000, 5)]:
        inner = telemetry.Span("inner", parent=span)
        telemetry.emit(agent.socket, inner.start(k="x" * size))
        parent = f"00-{inner.trace_id.hex()}-{inner.span_id.hex()}-01"
        done = agent.sluice("event", "--explain", "--dry-run", "x", env={"TRACEPARENT": parent},
                            check=False)
        assert done.returncode == code, done.stderr


def test_a_variable_that_is_no_text_harms_no_answer(shared):
    with starting(shared, SLUICE_LOG="a\udcff=loud", SLUICE_KVP_FILTER="a\udcff=info") as agent:
        agent.start()
        assert settings(agent)["kvp.filter"][0] == "a\N{REPLACEMENT CHARACTER}=info"
        assert "falling back" in agent.sluice("config", "reload").stderr
        done = agent.sluice("event", "--explain", "--dry-run", "--target", "a", "x")
        assert done.stdout.count("journal") == 2
