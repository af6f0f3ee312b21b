"""One lock for everything with an ``--out``."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from graphvtr.atomic import _here, sweep
from graphvtr.errors import DataError
from graphvtr.locks import LOCK, OutputInUseError, output_lock

HOLD = """
import sys, time
from graphvtr.locks import output_lock
with output_lock(sys.argv[1], folder=sys.argv[2] == "folder", shared=sys.argv[3] == "shared"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder():
    """A process that holds a lock."""
    running = []

    def start(path, folder=False, shared=False):
        flags = ["folder" if folder else "file", "shared" if shared else "alone"]
        process = subprocess.Popen([sys.executable, "-c", HOLD, str(path), *flags], stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("folder", [False, True])
def test_a_second_run_is_refused_and_told_who_is_there(tmp_path, holder, folder):
    out = tmp_path / "out"
    process = holder(out, folder)
    told = f"another run writes here \\(pid {process.pid}, since 20"
    with pytest.raises(OutputInUseError, match=told), output_lock(out, folder=folder):
        pass


@pytest.mark.parametrize("folder", [False, True])
def test_the_lock_of_a_dead_process_is_taken_over_and_its_leftovers_are_swept(tmp_path, holder, folder):
    out = tmp_path / "out.jsonl"
    process = holder(out, folder)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = (out if folder else tmp_path) / f"out.jsonl.{process.pid}-0123abcdef.partial"
    left.write_text("half")
    other = tmp_path / f"other.jsonl.{process.pid}-0123abcdef.partial"
    other.write_text("of somebody else")
    with output_lock(out, folder=folder):
        assert not left.exists()
        assert other.exists()
    assert {file.name for file in tmp_path.iterdir()} - {"out.jsonl"} == {other.name}
    assert not folder or not list(out.iterdir())


def test_runs_that_work_together_share_a_folder_and_keep_others_out(tmp_path, holder):
    out = tmp_path / "store"
    holder(out, True, True)
    with output_lock(out, folder=True, shared=True):
        assert (out / LOCK).is_file()
    with pytest.raises(OutputInUseError), output_lock(out, folder=True):
        pass
    assert (out / LOCK).is_file()


def test_a_function_within_a_command_holds_the_lock_once(tmp_path):
    out = tmp_path / "out"
    with output_lock(out, folder=True):
        with output_lock(out, folder=True):
            pass
        assert (out / LOCK).is_file()
        (out / "result").write_text("a")
    assert [file.name for file in out.iterdir()] == ["result"]


def test_a_run_that_wrote_nothing_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), output_lock(tmp_path / "a" / "b", folder=True):
        raise KeyError
    assert not (tmp_path / "a" / "b").exists()


def _count(out, rounds):
    for _ in range(rounds):
        while True:
            try:
                with output_lock(out):
                    value = int(out.read_text())
                    time.sleep(0.001)
                    out.write_text(str(value + 1))
                break
            except OutputInUseError:
                time.sleep(0.001)


def test_never_two_at_once_though_the_lock_file_comes_and_goes(tmp_path):
    out = tmp_path / "count"
    out.write_text("0")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_count, args=(out, 50)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert out.read_text() == "200"
    assert [file.name for file in tmp_path.iterdir()] == ["count"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only_is_named(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(DataError, match="cannot be written"), output_lock(tmp_path / "out"):
            pass
    finally:
        tmp_path.chmod(0o700)


def test_a_file_where_a_folder_should_be_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be made"), output_lock(tmp_path / "file" / "run", folder=True):
        pass


def test_without_the_lock_only_leftovers_of_this_machine_s_dead_are_swept(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = {
        "dead": f"out.{dead.pid}-{_here()}000001.partial",
        "of another machine": f"out.{dead.pid}-{'0000' if _here() != '0000' else '1111'}000002.partial",
        "alive": f"out.{os.getppid()}-{_here()}000003.partial",
        "kept": "out.partial",
    }
    for file in names.values():
        (tmp_path / file).write_text("")
    sweep(tmp_path / "out")
    left = {names["of another machine"], names["alive"], names["kept"]}
    assert {file.name for file in tmp_path.iterdir()} == left


def test_runs_that_share_a_folder_sweep_what_the_dead_among_them_left(tmp_path):
    code = "import sys; from graphvtr.atomic import place_beside; from pathlib import Path; "
    code += "place_beside(Path(sys.argv[1]) / 'failures.json').write_text('half')"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert len(list(tmp_path.iterdir())) == 1
    with output_lock(tmp_path, folder=True, shared=True):
        pass
    assert not list(tmp_path.iterdir())
