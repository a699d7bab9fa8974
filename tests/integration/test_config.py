"""The configuration through the real agent: what it takes, what it refuses and how it says so, and a
reload that takes all of a file or nothing."""

import json
import re
import signal
import subprocess

import pytest
from harness import NOBODY, REPOSITORY, Agent, run, wait_until

AZURE_INIT = """
[ssh]
authorized_keys_path = ".ssh/authorized_keys"
query_sshd_config = true
configure_sshd_password_authentication = true
[hostname_provisioners]
backends = ["hostnamectl"]
[user_provisioners]
backends = ["useradd"]
[password_provisioners]
backends = ["passwd"]
[imds]
connection_timeout_secs = 30.0
[provisioning_media]
enable = true
[azure_proxy_agent]
enable = true
[wireserver]
health_endpoint = "http://168.63.129.16/provisioning/health"
[telemetry]
kvp_diagnostics = true
kvp_filter = "error,theirs=info"
[azure_init_data_dir]
path = "/var/lib/azure-init/"
[azure_init_log_path]
path = "{log}"
"""


class WithoutLogFlag(Agent):
    """Its log is where the configuration says."""

    def command(self):
        command = super().command()
        at = command.index("--log-file")
        return command[:at] + command[at + 2:]


def settings(agent):
    return {one["key"]: one for one in json.loads(agent.sluice("config", "cat", "--json").stdout)}


def emit(agent, level, target, text):
    agent.sluice("event", "--require", "--timeout", "10s", "--level", level, "--target", target, text)
    agent.flush()


def test_azure_inits_own_file_is_taken_as_it_is(shared):
    with WithoutLogFlag(shared) as agent:
        log = agent.folder / "azure-init.log"
        agent.config_path.write_text(AZURE_INIT.format(log=log))
        agent.environment = {}
        agent.start()
        emit(agent, "info", "theirs", "into the pool")
        emit(agent, "info", "other", "into the log")
        assert "into the log" in log.read_text() and log.stat().st_mode & 0o777 == 0o600
        texts = agent.sluice("kvp", "dump").stdout
        assert "into the pool" in texts and "into the log" not in texts
        assert "WARN" not in agent.stderr() and "unknown" not in agent.stderr()


def test_our_name_for_the_log_wins_over_azure_inits(shared):
    with WithoutLogFlag(shared) as agent:
        theirs, ours = agent.folder / "theirs.log", agent.folder / "ours.log"
        agent.config_path.write_text(f'azure_init_log_path.path = "{theirs}"\n'
                                     f'log.path = "{ours}"\n')
        agent.start()
        emit(agent, "info", "a", "hello")
        assert "hello" in ours.read_text() and not theirs.exists()


@pytest.mark.parametrize("config, complaint", [
    ("[kvp]\nenabeld = true\n", ':2:1: unknown key "kvp.enabeld", did you mean "kvp.enabled"?'),
    ("[jurnal]\nmax = 1\n", ':1:2: unknown key "jurnal", did you mean "journal"?'),
    ("[log]\nmax_size = true\n", ":2:1: log.max_size: expected a text with a number and a unit"),
    ('[log]\nformat = "xml"\n', ":2:1: log.format: "),
    ("[kvp]\npath = \n", ":2:8: ")])
def test_an_agent_with_a_wrong_file_does_not_start_and_names_the_place(shared, config, complaint):
    with Agent(shared, config=config) as agent:
        agent.start(wait=False)
        assert agent.process.wait(20) == 2
        assert f"{agent.config_path}{complaint}" in agent.stderr()
        checked = run([*agent.command(), "--check-config"], check=False)
        assert checked.returncode == 2 and complaint in checked.stderr


def test_cat_shows_every_key_and_where_it_was_said(shared):
    with Agent(shared, config='[log]\nrotate_keep = 7\n') as agent:
        agent.environment = {"SLUICE_LOG": "debug"}
        agent.start()
        lines = agent.sluice("config", "cat").stdout.splitlines()
        assert f"log.rotate_keep = 7  # file {agent.config_path}:2" in lines
        assert 'log.filter = "debug"  # environment SLUICE_LOG' in lines
        assert f'kvp.path = "{agent.pool_path}"  # flag --kvp-pool' in lines
        assert 'journal.level = "info"  # default' in lines
        # It is TOML, and says what the agent would say of itself.
        (agent.folder / "again.toml").write_text("\n".join(lines))
        printed = run([shared.sluiced, "--print-config", "--config", agent.folder / "again.toml"])
        assert len(re.findall(r"^\S+ = ", printed.stdout, re.M)) == len(lines)
        refused = agent.sluice("config", "cat", uid=NOBODY, check=False)
        assert refused.returncode in (4, 5) and refused.stdout == ""


# `journal.max` is read at the start alone.
CHANGED = '[log]\nfilter = "error"\n[journal]\nmax = "8 MiB"\n'


def test_a_reload_takes_filters_at_once_and_names_what_waits_for_a_start(agent):
    agent.config_path.write_text(CHANGED)
    lines = agent.sluice("config", "reload").stdout.splitlines()
    where = f"# file {agent.config_path}"
    assert f'log.filter: "info" -> "error"  {where}:2' in lines
    assert f'journal.max: "256 MiB" -> "8 MiB"  {where}:4; takes effect at the next start' in lines
    assert agent.sluice("config", "reload").stdout.count("log.filter") == 0
    now = settings(agent)
    assert now["log.filter"]["value"] == "error" and now["journal.max"]["value"] == "256 MiB"
    emit(agent, "info", "a", "not any more")
    assert "not any more" not in agent.log()
    agent.restart()
    assert settings(agent)["journal.max"]["value"] == "8 MiB"


def sinks(agent):
    return {row["name"]: row for row in agent.status()["sinks"]}


def test_a_second_log_file_is_a_sink_of_its_own(agent):
    errors = agent.folder / "log/errors.log"
    agent.config_path.write_text(f'[log.errors]\npath = "{errors}"\nfilter = "error"\n'
                                 'format = "json"\n')
    come = agent.sluice("config", "reload").stdout
    assert f'log.errors.path: unset -> "{errors}"' in come and "at the next start" in come
    assert "file.errors" not in sinks(agent)
    agent.restart()
    emit(agent, "error", "a", "badly")
    emit(agent, "info", "a", "well")
    assert "badly" in agent.log() and "well" in agent.log()
    lines = [json.loads(line) for line in errors.read_text().splitlines()]
    assert len(lines) == 1 and "badly" in errors.read_text()
    row = sinks(agent)["file.errors"]
    assert (row["state"], row["destination"]) == ("ok", str(errors))
    agent.sluice("flush", "--sink", "file.errors")
    # It takes a filter at once, and goes at a start.
    agent.config_path.write_text(agent.config_path.read_text().replace('"error"', '"info"'))
    assert 'log.errors.filter: "error" -> "info"' in agent.sluice("config", "reload").stdout
    emit(agent, "info", "a", "better")
    assert "better" in errors.read_text()
    agent.config_path.write_text("")
    agent.restart()
    assert "file.errors" not in sinks(agent)


def test_each_mistake_of_a_configuration_has_a_line(shared):
    config = "[kvp]\nenabeld = true\npaht = 1\n"
    with Agent(shared, config=config) as agent:
        agent.start(wait=False)
        assert agent.process.wait(20) == 2
        places = [re.search(r"sluice\.toml:(\d):1: unknown key", line)
                  for line in agent.stderr().splitlines()]
        assert [place and place[1] for place in places] == ["2", "3"]


def test_a_reload_of_a_wrong_file_changes_nothing(shared):
    config = '[log]\nfilter = "info"\n'
    with Agent(shared, config=config) as agent:
        agent.start()
        before = agent.sluice("config", "cat").stdout
        agent.config_path.write_text('[log]\nfilter = "off"\nformt = "json"\n')
        done = agent.sluice("config", "reload", check=False)
        complaint = f'{agent.config_path}:3:1: unknown key "log.formt", did you mean "log.format"?'
        assert (done.returncode, done.stdout) == (1, "")
        assert "nothing changed" in done.stderr and complaint in done.stderr
        as_json = json.loads(agent.sluice("config", "reload", "--json", check=False).stdout)
        assert as_json["error"] == complaint and as_json["changes"] == []
        agent.config_path.write_text('[kvp]\nenabeld = true\npaht = 1\n')
        done = agent.sluice("config", "reload", check=False)
        assert [re.sub(r".*sluice\.toml:(\d):1: unknown key.*", r"\1", line)
                for line in done.stderr.splitlines()] == ["sluice: nothing changed:", "2", "3"]
        agent.config_path.write_text('[log]\nfilter = "off"\nformt = "json"\n')
        said = agent.stderr().count(complaint)
        agent.process.send_signal(signal.SIGHUP)
        wait_until(lambda: agent.stderr().count(complaint) > said, "the agent refuses the file")
        assert agent.sluice("config", "cat").stdout == before
        emit(agent, "info", "a", "as before")
        assert "as before" in agent.log()


def test_sighup_and_reload_are_one(agent):
    agent.config_path.write_text('[log]\nfilter = "error"\n')
    agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: settings(agent)["log.filter"]["value"] == "error", "the filter is taken")
    assert agent.sluice("config", "reload").stdout == "nothing changed\n"


def test_a_reload_warns_of_a_bad_filter_and_takes_the_next(agent):
    agent.config_path.write_text('[log]\nfilter = "a=loud"\n')
    done = agent.sluice("config", "reload")
    assert "Invalid config log.filter, falling back to default filter" in done.stderr
    assert done.stdout == "nothing changed\n"


def test_reload_is_roots(agent):
    done = agent.sluice("config", "reload", uid=NOBODY, check=False)
    assert done.returncode in (4, 5) and done.stdout == ""


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", (REPOSITORY / "docs" / page).read_text(),
                      re.M | re.S)


@pytest.mark.parametrize("page", ["configuration.md", "filters.md"])
def test_every_command_of_the_page_works(shared, page):
    """Those of blocks marked `sh`, as root beside a running agent."""
    with Agent(shared) as agent:
        agent.start()
        environment = {"PATH": f"{shared.folder}:/usr/bin:/bin", "LC_ALL": "C.UTF-8",
                       "SLUICE_SOCKET": str(agent.socket),
                       "SLUICE_ADMIN_SOCKET": str(agent.admin_socket)}
        commands = [line for block in blocks(page, "sh") for line in block.splitlines()]
        assert len(commands) >= 3
        for command in commands:
            done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True,
                                  text=True, timeout=30, check=False)
            assert done.returncode == 0, (command, done.stderr)


def test_every_example_of_the_page_starts_an_agent(shared):
    examples = blocks("configuration.md", "toml")
    assert len(examples) >= 3
    for example in examples:
        with Agent(shared, config=example) as agent:
            agent.start()
            assert "Invalid" not in agent.stderr() and agent.status()["sinks"]


def test_an_unknown_flag_is_told_in_one_line(shared):
    done = run([shared.sluiced, "--nosuch"], check=False)
    assert (done.returncode, done.stderr) == (
        2, "sluiced: unknown option '--nosuch'; see 'sluiced --help'\n")
