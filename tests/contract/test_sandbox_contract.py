"""What every sandbox promises: run on each implementation and on the fake.

`test_sandbox_places.py` runs this very file again as other users and where the kernel refuses namespaces.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import pytest

from restore_tester.contracts import Command, Sandbox, SandboxProvider
from restore_tester.errors import BackupUnusable, Interrupted, SandboxFault
from restore_tester.model import SandboxNeeds
from restore_tester.sandboxes.docker.provider import DockerSandboxes
from restore_tester.sandboxes.process.provider import ProcessSandboxes
from tests.docker_engine import needs_docker
from tests.fakes import FakeSandboxes
from tests.inventory import mark, shell, take_inventory

NEEDS = SandboxNeeds("postgresql")


@pytest.fixture(params=["process", "docker", "fake"])
def provider(request: pytest.FixtureRequest, base: Path) -> SandboxProvider:
    if request.param == "docker":
        needs_docker()
        return DockerSandboxes(base=base)
    return ProcessSandboxes(base=base) if request.param == "process" else FakeSandboxes(base)


@pytest.fixture
def sandbox(provider: SandboxProvider) -> Iterator[Sandbox]:
    with provider.open(NEEDS) as opened:
        yield opened


def code_of(error: pytest.ExceptionInfo[SandboxFault]) -> str:
    return error.value.reason.code


def test_a_command_says_its_output_its_errors_and_its_code(sandbox: Sandbox, base: Path) -> None:
    exit = sandbox.run(shell(base, "echo out; echo err >&2; exit 3"))
    assert (exit.code, exit.output, exit.errors) == (3, b"out\n", b"err\n")


def test_a_command_that_dies_of_a_signal_says_so_with_a_negative_code(sandbox: Sandbox, base: Path) -> None:
    assert sandbox.run(shell(base, "kill -TERM $$")).code == -signal.SIGTERM


def test_a_command_has_exactly_the_environment_that_it_was_given(sandbox: Sandbox) -> None:
    assert sandbox.run(Command(("/usr/bin/env",), {"ONE": "ü = 1", "TWO": ""})).output == "ONE=ü = 1\nTWO=\n".encode()


def test_a_command_holds_its_three_streams_and_nothing_else_of_ours(sandbox: Sandbox) -> None:
    exit = sandbox.run(Command(("/bin/ls", "/proc/self/fd")))
    assert exit.output.split() == [b"0", b"1", b"2", b"3"]  # the last is the folder that it lists


def test_arguments_arrive_as_they_are(sandbox: Sandbox) -> None:
    words = ("", "two words", "a\nline", "ü", "$HOME", "x" * 100_000)
    assert sandbox.run(Command(("/usr/bin/printf", "%s|", *words))).output.decode() == "".join(f"{word}|" for word in words)


def test_a_command_works_in_the_workspace_which_is_seen_from_both_sides(sandbox: Sandbox, base: Path) -> None:
    assert sandbox.run(shell(base, "pwd; echo from within > file; chmod 644 file")).output.decode().strip() == str(sandbox.workspace.inside)
    assert (sandbox.workspace.here / "file").read_text() == "from within\n"


def test_what_was_put_into_the_workspace_before_the_seal_can_be_read_inside(sandbox: Sandbox, base: Path) -> None:
    (sandbox.workspace.here / "folder").mkdir(mode=0o700)
    (sandbox.workspace.here / "folder" / "dump").write_bytes(b"dumped")
    (sandbox.workspace.here / "folder" / "dump").chmod(0o600)
    sandbox.seal()
    assert sandbox.run(shell(base, "cat folder/dump")).output == b"dumped"


def test_stdin_is_fed_to_its_end_and_every_block_is_counted(sandbox: Sandbox) -> None:
    data = os.urandom(5_000_000)
    blocks: list[int] = []
    exit = sandbox.run(Command(("/bin/cat",), stdin=io.BytesIO(data), keep_bytes=1 << 30, on_input=blocks.append))
    assert exit.output == data
    assert sum(blocks) == len(data)


def test_without_stdin_a_command_reads_nothing(sandbox: Sandbox) -> None:
    assert sandbox.run(Command(("/bin/cat",))).output == b""


def test_a_program_that_ends_before_its_input_is_no_error(sandbox: Sandbox, base: Path) -> None:
    exit = sandbox.run(shell(base, "head -c 1; exit 4", stdin=io.BytesIO(bytes(50_000_000))))
    assert (exit.code, exit.output) == (4, b"\0")


def test_output_beyond_any_buffer_is_drained_and_only_its_beginning_kept(sandbox: Sandbox, base: Path) -> None:
    exit = sandbox.run(shell(base, "echo begin; head -c 100000000 /dev/zero; echo end >&2", keep_bytes=100))
    assert (exit.code, exit.output, exit.errors) == (0, b"begin\n" + bytes(94), b"end\n")


def test_lines_of_stderr_come_one_by_one_cut_and_with_the_last_unfinished_one(sandbox: Sandbox, base: Path) -> None:
    lines: list[str] = []
    script = r"printf 'one\n\nthr\377ee\n' >&2; head -c 10000000 /dev/zero | tr '\0' x >&2; printf '\nlast' >&2"
    exit = sandbox.run(shell(base, script, on_error_line=lines.append))
    assert lines == ["one", "", "thr�ee", "x" * (64 << 10), "last"]
    assert len(exit.errors) == 1 << 20


class Broken(io.RawIOBase):
    """A stream that tells a little and then that it is damaged."""

    def read(self, size: int = -1) -> bytes:
        if self.tell_once:
            self.tell_once = False
            return b"half"
        raise self.trouble

    tell_once = True
    trouble = BackupUnusable("compression_damaged", "the stream is damaged", "look at an older backup")


def test_what_the_input_raises_comes_out_and_the_program_never_takes_half_for_whole(sandbox: Sandbox, base: Path) -> None:
    with pytest.raises(BackupUnusable) as error:
        sandbox.run(shell(base, "cat > half; touch whole", stdin=cast(IO[bytes], Broken())))
    assert error.value is Broken.trouble
    assert sorted(path.name for path in sandbox.workspace.here.iterdir()) in ([], ["half"])


def test_what_a_callback_raises_comes_out_and_the_program_is_killed(sandbox: Sandbox, base: Path) -> None:
    def refuse(line: str) -> None:
        raise BackupUnusable("refused", line, "none")

    with pytest.raises(BackupUnusable, match="stop me"):
        sandbox.run(shell(base, "echo stop me >&2; exec sleep 1000", on_error_line=refuse))


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, Interrupted])
def test_an_interruption_of_the_main_thread_ends_the_command(sandbox: Sandbox, base: Path, trouble: type[BaseException]) -> None:
    def interrupt(number: int, frame: object) -> None:
        raise trouble

    before = signal.signal(signal.SIGUSR1, interrupt)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    try:
        with pytest.raises(trouble):
            sandbox.run(shell(base, "sleep 1000"))
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert sandbox.run(shell(base, "echo still here")).output == b"still here\n"


def test_a_command_that_takes_too_long_is_ended_with_all_of_its_group(sandbox: Sandbox, base: Path) -> None:
    with pytest.raises(SandboxFault) as error:
        sandbox.run(shell(base, "sleep 1000 & sleep 1000", deadline_seconds=0.3))
    assert code_of(error) == "deadline"
    assert not any("sleep" in process for process in take_inventory(base).processes)


@pytest.mark.parametrize("program", ["/nowhere/psql", "no-such-program", "/etc"])
def test_a_missing_program_is_our_fault_both_ways_of_calling(sandbox: Sandbox, program: str) -> None:
    for call in (sandbox.run, sandbox.start):
        with pytest.raises(SandboxFault) as error:
            call(Command((program,)))
        assert code_of(error) == "program_missing"


def test_a_program_that_goes_on_is_seen_running_and_stops_by_its_signal(sandbox: Sandbox, base: Path) -> None:
    running = sandbox.start(shell(base, "trap 'echo bye >&2; exit 7' TERM; touch ready; while :; do sleep 0.05; done"))
    assert sandbox.run(shell(base, "while ! test -e ready; do sleep 0.01; done")).code == 0
    assert running.poll() is None
    assert running.stop(signal.SIGTERM, 60) == 7
    assert running.poll() == 7
    assert running.stop(signal.SIGTERM, 60) == 7


def test_what_a_running_program_says_on_stderr_can_be_read_meanwhile(sandbox: Sandbox, base: Path) -> None:
    told = threading.Event()
    running = sandbox.start(shell(base, "echo up >&2; exec sleep 1000", on_error_line=lambda line: told.set()))
    assert told.wait(60)
    assert running.errors() == b"up\n"


def test_a_running_program_that_does_not_stop_in_time_is_a_fault(sandbox: Sandbox, base: Path) -> None:
    running = sandbox.start(shell(base, "trap '' TERM; touch ready; while :; do sleep 0.05; done"))
    sandbox.run(shell(base, "while ! test -e ready; do sleep 0.01; done"))
    with pytest.raises(SandboxFault) as error:
        running.stop(signal.SIGTERM, 0.2)
    assert code_of(error) == "deadline"
    assert running.stop(signal.SIGKILL, 60) == -signal.SIGKILL


def test_commands_run_side_by_side_from_several_threads(sandbox: Sandbox, base: Path) -> None:
    answers: dict[int, bytes] = {}

    def ask(number: int) -> None:
        answers[number] = sandbox.run(shell(base, f"sleep 0.1; echo {number}")).output

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: b"%d\n" % number for number in range(8)}


def test_nothing_is_left_when_the_block_ends_also_by_an_error(provider: SandboxProvider, base: Path) -> None:
    before = take_inventory(base)
    with pytest.raises(RuntimeError), provider.open(NEEDS) as sandbox:
        sandbox.start(shell(base, "touch file; sleep 1000 & exec sleep 1000"))
        sandbox.start(Command(("/usr/bin/tail", "-f", "/dev/null"), mark(base)))
        raise RuntimeError("the body failed")
    assert take_inventory(base) == before


def test_a_kept_workspace_stays_without_its_processes_and_the_next_one_spares_it(provider: SandboxProvider, base: Path) -> None:
    with provider.open(NEEDS) as sandbox:
        sandbox.run(shell(base, "echo kept > file"))
        sandbox.start(shell(base, "exec sleep 1000"))
        sandbox.keep()
        here = sandbox.workspace.here
    assert take_inventory(base).processes == frozenset()
    with provider.open(NEEDS):
        pass
    assert (here / "file").read_text() == "kept\n"
    shutil.rmtree(base / here.relative_to(base).parts[0])


def test_two_at_once_do_not_disturb_each_other(provider: SandboxProvider, base: Path) -> None:
    with provider.open(NEEDS) as first:
        with provider.open(NEEDS) as second:
            assert first.workspace.here != second.workspace.here
            second.run(shell(base, "echo second > file"))
        assert first.run(shell(base, "echo first > file; cat file")).output == b"first\n"


def test_a_sandbox_says_what_it_has_to_give(sandbox: Sandbox) -> None:
    assert sandbox.cpus >= 1
    assert sandbox.memory_bytes > 0
    assert len(str(sandbox.workspace.here / "run/.s.PGSQL.5432")) < 100


def test_a_sandbox_says_how_much_lies_in_it(sandbox: Sandbox, base: Path) -> None:
    before = sandbox.disk()
    sandbox.run(shell(base, "head -c 3000000 /dev/zero | tr '\\0' x > file; sync file 2>/dev/null"))
    after = sandbox.disk()
    assert 2_900_000 < after.used_bytes - before.used_bytes < 3_400_000
    assert after.used_bytes < after.limit_bytes == before.limit_bytes
