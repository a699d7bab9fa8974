"""Two agents that share a directory or a file by mistake: the second is told, and the first goes on."""

import json

import pytest
from harness import Agent, wait_until


@pytest.fixture(name="first")
def first_fixture(shared):
    with Agent(shared) as agent:
        yield agent.start()


def emit(agent, text):
    agent.sluice("event", "--require", "--level", "info", text)
    agent.flush()


def assert_works(agent, text):
    emit(agent, text)
    assert text in agent.log()
    assert any(text in value for _, value in agent.pool())


@pytest.mark.parametrize("name, what", [("runtime", "the runtime directory"),
                                        ("journal", "the journal in")])
def test_a_directory_of_another_agent_is_refused(shared, first, name, what):
    path = getattr(first, name)
    with Agent(shared) as second:
        setattr(second, name, path)
        second.start(wait=False)
        assert second.process.wait(30) == 3
        assert f"another agent holds {what} {path}" in second.stderr()
        assert_works(first, "first goes on")
        # It is free once the first has ended, however it did.
        first.kill()
        second.start()
        assert_works(second, "second took over")


def test_the_log_file_of_another_agent_is_refused(shared, first):
    with Agent(shared) as second:
        second.log_path = first.log_path
        second.start()
        second.sluice("event", "--require", "from the second")

        def file_sink():
            return next(sink for sink in json.loads(second.sluice("status", "--json", check=False).stdout)
                        ["sinks"] if sink["name"] == "file")

        wait_until(lambda: file_sink()["state"] == "failing", "the sink to fail")
        assert file_sink()["last_error"] == f"another agent holds the log file {first.log_path}"
        assert_works(first, "first goes on")
        assert "from the second" not in first.log()
        assert any("from the second" in value for _, value in second.pool())
        first.stop()
        wait_until(lambda: "from the second" in second.log(), "the second's lines")
