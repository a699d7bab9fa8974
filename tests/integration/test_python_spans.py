"""The package for Python, without an agent: what its spans are, by SLUICE_CONSOLE; and that no agent
costs a program nothing."""

import re

import pytest
from console import agent_run, by_name, cpp_agent_trace
from harness import REPOSITORY
from python_client import NO_AGENT, PACKAGE, execute, spans

pytestmark = pytest.mark.skipif(not PACKAGE.exists(), reason="no headers of Python here")

BEGIN = "import asyncio, contextvars, os, sluice, sys, threading\n"


def program(code, *arguments, **environment):
    return spans(BEGIN + code.replace("\n    ", "\n"), *arguments, **environment)


def parents(found):
    """{name: its parent's name}"""
    names = {span["spanId"]: span["name"] for span in found}
    return {span["name"]: names.get(span.get("parentSpanId")) for span in found}


def test_values_keep_their_types():
    [span] = program("""
    class Broken:
        def __str__(self):
            raise ValueError("no")
    import enum, pathlib
    class Size(enum.IntEnum):
        BIG = 9
    with sluice.span("all", text="é\\udcff", yes=True, number=-5, huge=2 ** 70, part=1.5, raw=b"\\0x",
                     none=None, row=[1, "two", [3.0]], table={"a": 1, 2: {"b": None}},
                     path=pathlib.Path("/a b"), broken=Broken(), size=Size.BIG) as span:
        span.set({"target": "t", "number": 6}, kind="k")
    """)
    assert span["attributes"] == {
        "text": "é\\udcff", "yes": True, "number": 6, "huge": str(2 ** 70), "part": 1.5,
        "raw": "AHg=", "row": {"values": [{"intValue": "1"}, {"stringValue": "two"},
                                          {"arrayValue": {"values": [{"doubleValue": 3}]}}]},
        "table": {"values": [
            {"key": "a", "value": {"intValue": "1"}},
            {"key": "2", "value": {"kvlistValue": {"values": [
                {"key": "b", "value": {"stringValue": "None"}}]}}}]}, "path": "/a b", "broken": "<Broken>", "size": 9,
        "target": "t", "kind": "k"}


def test_options_and_times():
    found = program("""
    far = sluice.Context("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01", "k=v")
    one = sluice.span("one", target="app::db", level="warn", kind="client", parent=far, time=10 ** 18,
                      links=[far])
    one.link(far, why="because")
    one.rename("renamed")
    one.ok()
    one.end(time=10 ** 18 + 5)
    one.end()
    """)
    [span] = found
    assert span["name"] == "renamed" and span["target"] == "app::db" and span["kind"] == 3
    assert (span["start"], span["end"]) == (10 ** 18, 10 ** 18 + 5)
    assert span["traceId"] == "0123456789abcdef0123456789abcdef"
    assert span["parentSpanId"] == "0123456789abcdef" and span["traceState"] == "k=v"
    assert len(span["links"]) == 2 and span["status"] == {"code": 1}


def test_misuse_is_told_and_costs_no_span():
    assert not program("""
    for call in (lambda: sluice.span(5), lambda: sluice.span(), lambda: sluice.span("x", level=9),
                 lambda: sluice.span("x", kind="strange"), lambda: sluice.span("x", parent="y"),
                 lambda: sluice.event("loud", "x"), lambda: sluice.span("x", ["no", "mapping"]),
                 lambda: sluice.attach("x").__enter__(), lambda: sluice.Span(),
                 lambda: sluice.get_baggage(5)):
        try:
            call()
        except (TypeError, ValueError):
            continue
        raise AssertionError("nothing was raised")
    """)


def test_the_target_is_the_module_that_speaks(tmp_path):
    (tmp_path / "helper.py").write_text("import sluice\ndef work():\n  sluice.span('mine').end()\n")
    script = tmp_path / "job.py"
    script.write_text("import helper, sluice\nsluice.span('own').end()\nhelper.work()\n")
    found = by_name(spans(f"import runpy, sys\nsys.argv = [{str(script)!r}]\n"
                          f"sys.path.insert(0, {str(tmp_path)!r})\n"
                          f"runpy.run_path({str(script)!r}, run_name='__main__')"))
    assert {name: span["target"] for name, span in found.items()} == {"mine": "helper",
                                                                      "own": "job"}


def test_an_exception_fails_its_spans_and_goes_on():
    found = by_name(program("""
    def raise_within(name, error):
        try:
            with sluice.span(name) as span:
                if name == "forgiven":
                    span.ok()
                raise error
        except BaseException as caught:
            assert caught is error
    raise_within("error", KeyError("k"))
    raise_within("forgiven", KeyError("k"))
    raise_within("interrupted", KeyboardInterrupt())
    raise_within("left", SystemExit(0))
    raise_within("left_badly", SystemExit(3))
    with sluice.span("recorded") as span:
        span.record_error(OSError("gone"))
        span.record_error("words")
    with sluice.span("failed") as span:
        span.fail("exit 9")
    """))
    assert found["error"]["status"] == {"code": 2, "message": "'k'"}
    assert found["forgiven"]["status"] == {"code": 1}
    assert found["interrupted"]["status"] == {"code": 2, "message": "unwound by KeyboardInterrupt"}
    assert found["left"]["status"] == {}
    assert found["left_badly"]["status"] == {"code": 2, "message": "unwound by SystemExit"}
    assert found["recorded"]["status"] == {"code": 2, "message": "words"}
    assert found["failed"]["status"] == {"code": 2, "message": "exit 9"}


def test_what_fails_while_an_exception_is_told_is_not_the_programs():
    found = program("""
    import sluice._errors
    def raise_within(error):
        def leave(*_):
            raise error
        sluice._errors.leave = leave
        with sluice.span(type(error).__name__):
            raise OSError("the program's")
    for error, expected in ((ValueError(), OSError), (KeyboardInterrupt(), KeyboardInterrupt)):
        try:
            raise_within(error)
        except BaseException as caught:
            assert type(caught) is expected
    """)
    assert parents(found) == {"ValueError": None, "KeyboardInterrupt": None}


def test_tasks_threads_and_executors_have_their_own_current_span():
    found = program("""
    from concurrent.futures import ThreadPoolExecutor
    async def task(name, hurdle):
        with sluice.span(name):
            await hurdle.wait()
            sluice.span(name + ".in").end()
    async def main():
        hurdle = asyncio.Event()
        with sluice.span("main"):
            tasks = [asyncio.create_task(task(name, hurdle)) for name in ("a", "b")]
            await asyncio.sleep(0)
            sluice.span("between").end()
            hurdle.set()
            await asyncio.gather(*tasks)
            await asyncio.to_thread(lambda: sluice.span("to_thread").end())
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, sluice.bind(lambda: sluice.span("bound").end()))
            await loop.run_in_executor(None, lambda: sluice.span("unbound").end())
    asyncio.run(main())
    with sluice.span("outer"):
        def work(name):
            with sluice.span(name):
                sluice.span(name + ".in").end()
        copied = contextvars.copy_context()
        threads = [threading.Thread(target=copied.run, args=(work, "copied")),
                   threading.Thread(target=work, args=("alone",))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(sluice.bind(work), ["p0", "p1"]))
    sluice.span("after").end()
    """)
    assert parents(found) == {
        "main": None, "a": "main", "b": "main", "a.in": "a", "b.in": "b", "between": "main",
        "to_thread": "main", "bound": "main", "unbound": None, "outer": None, "copied": "outer",
        "copied.in": "copied", "alone": None, "alone.in": "alone", "p0": "outer", "p1": "outer",
        "p0.in": "p0", "p1.in": "p1", "after": None}


def test_functions_of_every_kind_are_traced():
    found = program("""
    @sluice.traced
    def plain():
        sluice.span("plain.in").end()
        return 1
    @sluice.traced(name="renamed", level="debug", k="v", target="t")
    async def coroutine():
        await asyncio.sleep(0)
        sluice.span("coroutine.in").end()
        return 2
    @sluice.traced
    def items(count):
        for i in range(count):
            sluice.span(f"items.in{i}").end()
            got = yield i
            assert got in (None, i)
        return 3
    @sluice.traced
    async def async_items():
        for i in range(2):
            await asyncio.sleep(0)
            sluice.span(f"async.in{i}").end()
            yield i
    @sluice.traced
    def closed():
        yield 1
    @sluice.traced
    def broken():
        yield 1
        raise OSError("broken")
    def whole():
        return (yield from items(2))
    async def main():
        assert await coroutine() == 2
        got = []
        async for i in async_items():
            sluice.span(f"outside{i}").end()
            got.append(i)
        assert got == [0, 1]
    assert plain() == 1 and plain.__name__ == "plain"
    asyncio.run(main())
    taken = []
    for i in whole():
        sluice.span(f"taken{i}").end()
        taken.append(i)
    assert taken == [0, 1]
    steps = items(2)
    assert next(steps) == 0 and steps.send(0) == 1
    next(closed())
    try:
        list(broken())
    except OSError:
        pass
    """)
    names = parents(found)
    assert names["plain.in"] == "plain" and names["coroutine.in"] == "renamed"
    assert {names[f"items.in{i}"] for i in (0, 1)} == {"items"}
    assert {names[f"async.in{i}"] for i in (0, 1)} == {"async_items"}
    assert names["outside0"] is names["outside1"] is names["taken0"] is None
    found = by_name(found)
    assert found["renamed"]["attributes"] == {"k": "v"} and found["renamed"]["target"] == "t"
    assert found["closed"]["status"] == {}
    assert found["broken"]["status"] == {"code": 2, "message": "broken"}


def test_a_generator_that_is_closed_elsewhere_leaves_what_is_current_there():
    found = program("""
    def generate():
        with sluice.span("generator"):
            yield
    generator = generate()
    contextvars.copy_context().run(next, generator)
    with sluice.span("outer"):
        generator.close()
        sluice.span("inner").end()
    """)
    assert parents(found) == {"generator": None, "outer": None, "inner": "outer"}


def test_contexts_come_and_go_in_headers_and_environment():
    traceparent = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
    found = by_name(program("""
    import subprocess
    sluice.init(baggage_keys="run, app.*")
    assert sluice.current_context().traceparent == sys.argv[1]
    sluice.span("of_environment").end()
    with sluice.attach(sluice.extract({"Traceparent": sys.argv[1].replace("00-0", "00-f"),
                                       "BAGGAGE": "run=7,other=x", "tracestate": "a=b"})):
        with sluice.span("of_request"):
            sluice.set_baggage("app.x", "é, y")
            assert sluice.get_baggage("app.x") == "é, y" and sluice.get_baggage("none") is None
            with sluice.span("within"):
                sluice.current_span().set(found="yes")
                sent = sluice.inject({"Accept": "*/*"})
                assert sent.keys() == {"Accept", "traceparent", "tracestate", "baggage"}
                child = "import sluice; sluice.span('of_child').end()"
                print(subprocess.run([sys.executable, "-c", child], env=sluice.environment(),
                                     capture_output=True, text=True).stdout, flush=True)
    assert sluice.extract({"traceparent": "nonsense"}).traceparent == ""
    assert sluice.extract({}).trace_id == "" and not sluice.extract({}).is_remote
    assert sluice.get_baggage("app.x") is None
    """, traceparent, TRACEPARENT=traceparent))
    assert found["of_environment"]["traceId"] == "0123456789abcdef0123456789abcdef"
    assert found["of_request"]["traceId"] == "f123456789abcdef0123456789abcdef"
    assert found["of_request"]["traceState"] == "a=b"
    assert found["of_request"]["attributes"] == {"run": "7"}
    assert found["within"]["attributes"] == {"run": "7", "app.x": "é, y", "found": "yes"}
    assert found["of_child"]["parentSpanId"] == found["within"]["spanId"]


def test_baggage_ends_with_the_span_that_it_was_set_in():
    found = program("""
    sluice.init(baggage_keys="run")
    sluice.set_baggage("run", "1")
    with sluice.span("outer"):
        sluice.set_baggage("run", "2")
        sluice.span("inner").end()
    sluice.span("after").end()
    """)
    assert parents(found) == {"outer": None, "inner": "outer", "after": None}
    assert {span["name"]: span["attributes"]["run"] for span in found} == {
        "outer": "1", "inner": "2", "after": "1"}


def test_a_child_of_fork_goes_on_within_what_was_current():
    found = program("""
    assert sluice.init(service_name="forker", baggage_keys="run")
    with sluice.span("parent") as span:
        assert not sluice.init(service_name="too late")
        sluice.set_baggage("run", "1")
        child = os.fork()
        if child == 0:
            assert sluice.current_context().is_remote
            with sluice.span("child"):
                sluice.span("grandchild").end()
            span.set(lost="yes")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    child = os.fork()
    if child == 0:
        sluice.span("alone").end()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    """)
    assert parents(found) == {"parent": None, "child": "parent", "grandchild": "child",
                              "alone": None}
    assert {span["resource"]["service.name"] for span in found} == {"forker"}
    assert {span["resource"]["telemetry.sdk.language"] for span in found} == {"python"}
    assert "lost" not in by_name(found)["parent"]["attributes"]
    assert by_name(found)["grandchild"]["attributes"]["run"] == "1"


def test_processes_of_a_pool_are_within_it_by_any_method():
    for method in "fork", "spawn", "forkserver":
        found = program("""
    import multiprocessing
    def main(method):
        context = multiprocessing.get_context(method)
        with sluice.span("outer"):
            os.environ.update(sluice.environment())
            with context.Pool(2) as pool:
                assert pool.map(abs, [-1, -2]) == [1, 2]
            sluice.span("inner").end()
    main(sys.argv[1])
    """, method)
        assert parents(found) == {"outer": None, "inner": "outer"}


def test_a_span_that_nobody_holds_has_ended_and_levels_can_be_asked():
    found = program("""
    sluice.span("dropped")
    with sluice.span("open"):
        assert sluice.current_span().is_recorded
    assert not sluice.current_span().is_recorded
    sluice.current_span().event("into nothing")
    assert sluice.enabled("trace") and sluice.enabled(sluice.ERROR, "x")
    """)
    assert parents(found) == {"dropped": None, "open": None}


def test_many_threads_and_spans_at_once():
    found = program("""
    def work(number):
        for i in range(200):
            with sluice.span(f"{number}.{i}", i=i) as span:
                span.event("e", i=i)
                sluice.event("info", "f", number=number)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    """)
    assert len({span["name"] for span in found}) == 1600


def test_an_ai_agents_run_is_the_one_of_cpp():
    example = (REPOSITORY / "client/python/examples/agent_trace.py").read_text()
    # Without an agent its flush fails, and it says so by its exit.
    made = spans(example.replace("sys.exit(main())", "main()"))
    assert agent_run(made) == agent_run(cpp_agent_trace())


def test_no_agent_costs_nothing():
    printed = execute("""
    import sluice, time
    began = time.monotonic()
    for i in range(20000):
        with sluice.span("s", i=i):
            sluice.event("info", "e")
    assert not sluice.flush(0.05)
    assert time.monotonic() - began < 5
    print(sluice.stats()["dropped_ring_full"] > 0, sluice.stats()["is_connected"])
    """, SLUICE_SOCKET=NO_AGENT)
    assert printed == "True False\n"


def test_import_is_cheap():
    # The best of several, without what the interpreter itself takes.
    best = min(float(execute("""
    import time
    began = time.perf_counter()
    import sluice
    print(time.perf_counter() - began)
    """)) for _ in range(5))
    assert best <= 0.015
    loaded = execute("import sys, sluice; print(*sys.modules)").split()
    assert not {"logging", "traceback", "inspect", "asyncio", "typing"} & set(loaded)


def test_the_stub_names_what_there_is():
    stub = (PACKAGE / "sluice/__init__.pyi").read_text()
    declared = set(re.findall(r"^(?:def|class) (\w+)|^([A-Z]+): int", stub, re.MULTILINE))
    names = {name for pair in declared for name in pair if name}
    assert names == set(execute("import sluice; print(*sluice.__all__)").split())
