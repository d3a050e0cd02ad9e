"""`manage.py up`: it starts everything, keeps it running, and leaves nothing behind."""

import signal
import socket
import ssl
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.conftest import free_port
from tests.foundation.staging import Stage
from tests.running import wait_for

CROWD = 600


class Running:
    """A platform that `up` keeps running."""

    def __init__(self, stage: Stage, *flags: str) -> None:
        self.port = free_port()
        self.secure = "--tls" in flags
        self.stage = stage
        self.process = stage.start("up", "--port", str(self.port), *flags)
        wait_for(self.has_said_so, 60)

    def has_said_so(self) -> bool:
        assert self.process.poll() is None, self.stage.log.read_text()
        return "The platform is up." in self.stage.log.read_text()

    def is_up(self) -> bool:
        trusted = ssl.create_default_context(cafile=self.stage.home / "tls" / "ca.pem") if self.secure else None
        scheme = "https" if self.secure else "http"
        try:
            with urllib.request.urlopen(
                f"{scheme}://127.0.0.1:{self.port}/service/health", timeout=2, context=trusted
            ) as answer:
                return bool(answer.read() == b'{"status":"UP"}')
        except OSError:
            return False

    def family(self) -> list[psutil.Process]:
        """The supervisor and all that it started."""
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def child(self, command: str) -> psutil.Process:
        """The direct child that runs this command, when there is exactly one."""
        found: list[psutil.Process] = wait_for(
            lambda: [each for each in psutil.Process(self.process.pid).children() if each.cmdline()[-1:] == [command]]
        )
        return found[0]


def are_gone(family: list[psutil.Process]) -> bool:
    return not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in family)


@pytest.fixture
def running(stage: Stage) -> Running:
    return Running(stage)


def test_the_summary_names_portal_api_data_and_what_the_capabilities_prepared(running: Running) -> None:
    said = running.stage.log.read_text()
    assert f"http://127.0.0.1:{running.port}/admin/" in said
    assert f"http://127.0.0.1:{running.port}/docs" in said
    assert str(running.stage.home) in said
    assert "the stage is prepared" in said
    assert running.is_up()


def test_commands_beside_it_speak_of_where_it_runs_until_it_ends(running: Running) -> None:
    assert f"the platform listens at port {running.port}\n" in running.stage.run("doctor", PORT="").stdout
    other = free_port()
    assert f"port {other} is free" in running.stage.run("doctor", PORT=str(other)).stdout
    running.process.kill()
    running.process.wait()
    assert f"port {running.port}" not in running.stage.run("doctor", PORT="").stdout


@pytest.mark.parametrize("command", ["web", "worker"])
def test_a_killed_process_is_started_again_and_works(running: Running, command: str) -> None:
    killed = running.child(command)
    killed.kill()
    wait_for(lambda: not killed.is_running())
    wait_for(lambda: running.child(command).pid != killed.pid and running.is_up())
    running.stage.send("note", "a")
    wait_for(lambda: running.stage.diary == ["note a"])
    assert f"the {command} process ended (killed by signal 9)" in running.stage.log.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_stop_ends_all_with_success_and_leaves_no_process(running: Running, number: signal.Signals) -> None:
    family = running.family()
    running.process.send_signal(number)
    assert running.process.wait(40) == 0
    assert are_gone(family[1:])


def test_a_task_in_flight_finishes_before_all_stops(running: Running) -> None:
    running.stage.send("wait", "go")
    wait_for(lambda: running.stage.diary == ["begun go"])
    running.process.terminate()
    wait_for(lambda: not running.is_up())
    (running.stage.home / "go").touch()
    assert running.process.wait(40) == 0
    assert running.stage.diary == ["begun go", "done go"]
    assert running.stage.is_empty()


def test_the_children_end_when_their_supervisor_is_killed(running: Running) -> None:
    family = running.family()
    running.process.kill()
    running.process.wait()
    wait_for(lambda: are_gone(family[1:]))


def test_an_idle_connection_does_not_keep_the_platform_from_stopping(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port)) as idle:
        idle.sendall(b"GET /service/health HTTP/1.1\r\nHost: here\r\n\r\n")
        assert idle.recv(15).startswith(b"HTTP/1.1 200")
        running.process.terminate()
        assert running.process.wait(15) == 0


def test_a_taken_port_is_said_before_anything_is_started(stage: Stage) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = stage.run("up", "--port", str(port))
    assert refused.returncode == 1
    assert f"port {port} of 127.0.0.1 cannot be used" in refused.stderr and "--port" in refused.stderr
    assert not (stage.home / "records.db").exists()


def test_once_stops_after_it_was_up(stage: Stage) -> None:
    ended = stage.run("up", "--port", str(free_port()), "--once")
    assert (ended.returncode, "The platform is up." in ended.stdout) == (0, True)


@pytest.mark.parametrize("code", [0, 3])
def test_once_with_the_demo_ends_as_the_demo_did(stage: Stage, code: int) -> None:
    ended = stage.run("up", "--port", str(free_port()), "--demo", "--once", DEMO_ENDS_WITH=str(code))
    assert ended.returncode == code
    assert ended.stdout.index("The platform is up.") < ended.stdout.index("the demo was here")


def test_a_demo_that_fails_leaves_the_platform_running(stage: Stage) -> None:
    running = Running(stage, "--demo")
    wait_for(lambda: "the demo was here" in stage.log.read_text())
    assert running.is_up()


def test_https_is_served_under_an_authority_that_is_made_once_and_whose_key_is_private(stage: Stage) -> None:
    first = Running(stage, "--tls")
    assert first.is_up()
    said = stage.log.read_text()
    assert f"https://127.0.0.1:{first.port}/admin/" in said and str(stage.home / "tls" / "ca.pem") in said
    authority = (stage.home / "tls" / "ca.pem").read_bytes()
    first.process.terminate()
    assert first.process.wait(40) == 0
    stage.log.unlink()
    assert Running(stage, "--tls").is_up()
    assert (stage.home / "tls" / "ca.pem").read_bytes() == authority
    assert all(mode_of(stage.home / "tls" / name) == 0o600 for name in ("ca.key", "server.key"))


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_all_processes_together_stay_far_below_the_memory_of_a_small_machine(running: Running) -> None:
    assert sum(each.memory_info().rss for each in running.family()) < 900 * 2**20


def test_what_cannot_start_is_given_up_on_with_a_clear_message(stage: Stage) -> None:
    broken = stage.start("up", "--port", str(free_port()), TLS_CERTIFICATE="/nowhere.pem", TLS_KEY="/nowhere.key")
    assert broken.wait(60) == 1
    assert "the platform does not come up" in stage.log.read_text()


def test_a_crowd_that_connects_while_the_web_process_is_busy_is_served_when_it_has_time(running: Running) -> None:
    web = running.child("web")
    busy = [web, *web.children(recursive=True)]
    for process in busy:
        process.suspend()
    crowd = [socket.socket() for _ in range(CROWD)]
    try:
        for each in crowd:
            each.settimeout(10)
            each.connect(("127.0.0.1", running.port))
            each.sendall(b"GET /service/health HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    finally:
        for process in busy:
            process.resume()
    answers = [each.makefile("rb").readline() for each in crowd]
    for each in crowd:
        each.close()
    assert answers == [b"HTTP/1.1 200 OK\r\n"] * CROWD
