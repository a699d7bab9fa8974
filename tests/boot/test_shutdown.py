"""Telemetry of the time when the machine goes down."""

import telling

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"

# An ordinary service, whose last words come while everything is being stopped, and whose process
# lives until after them.
SERVICE = f"""\
[Unit]
Description=speaks while it is stopped

[Service]
Type=exec
Environment=TRACEPARENT=00-{TRACE_ID}-00f067aa0ba902b7-01
ExecStart=/usr/bin/sluice run --timeout 30s --name at_work -- /usr/bin/tail -f /dev/null
ExecStop=/usr/local/bin/last-words
"""
LAST_WORDS = """\
#!/bin/bash
for n in 1 2 3 4 5 6 7 8 9 10; do
  sluice event --require --timeout 5s "<last words $n>"
  echo "$n $?" >>/var/last-words
done
"""


def test_what_a_service_emits_while_it_is_stopped_arrives(make_machine):
    machine = make_machine(files={"/etc/systemd/system/speaker.service": SERVICE,
                                  "/usr/local/bin/last-words": LAST_WORDS}).boot()
    machine.run("systemctl", "start", "speaker.service")
    machine.wait_until(lambda: "at_work" in telling.open_spans(machine), "the span is open")

    machine.reboot()

    codes = dict(line.split() for line in machine.run("cat", "/var/last-words").output.split("\n"))
    assert codes == {str(n): "0" for n in range(1, 11)}
    telling.assert_each_once(telling.journalled(machine),
                             [f"<last words {n}>" for n in range(1, 11)])
    span = telling.tree(machine, TRACE_ID)["at_work"]
    assert (span["state"], span["status_message"]) == ("ended", "killed by SIGTERM")
