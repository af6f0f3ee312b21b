"""One way to end: 143, 130, 129, a line that says how to go on, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from graphvtr.ending import Interrupted, ending, going_on, interruptible
from graphvtr.locks import OutputInUseError, output_lock

COMMAND = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background,
signal.signal(signal.SIGHUP, signal.SIG_DFL)              # and where they run under nohup
from graphvtr.ending import going_on, interruptible, Interrupted
with interruptible():
    try:
        with going_on("the same command goes on"), going_on("call me again", lambda: "after 3 of 7 clips"):
            print("ready", flush=True)
            while True:
                {work}
    except Interrupted as stop:
        print(f"graphvtr: {{stop}}")
        sys.exit(stop.exit_code)
"""
SWALLOW = """
                class Thing:
                    def __del__(self):
                        time.sleep(0.2)
                Thing()
                time.sleep(0.07)
"""
BARE = """
                try:
                    time.sleep(0.2)
                except BaseException:  # as some libraries have it while they are imported
                    pass
                time.sleep(0.07)
"""


@pytest.mark.parametrize(
    "work", ["time.sleep(0.01)", SWALLOW, BARE], ids=["plain", "within a finaliser", "within a bare except"]
)
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130), ("SIGHUP", 129)])
def test_a_signal_ends_with_its_code_and_a_line(work, name, code):
    script = COMMAND.format(work=work.strip("\n").strip())
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(getattr(signal, name))
    out, _ = process.communicate(timeout=120)
    assert (process.returncode, out) == (code, "graphvtr: stopped after 3 of 7 clips; the same command goes on\n")


def test_a_second_signal_ends_at_once():
    script = COMMAND.format(work="time.sleep(0.01)").replace(
        "except Interrupted as stop:", "except Interrupted as stop:\n        print('busy', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    for line in ("ready\n", "busy\n"):
        assert process.stdout.readline() == line
        process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=120) == 143
    process.stdout.close()


def test_without_a_hint_the_signal_is_named():
    assert str(Interrupted(signal.SIGTERM)) == "stopped by SIGTERM"


def test_a_bare_keyboard_interrupt_becomes_one_that_knows():
    with pytest.raises(Interrupted, match="stopped by SIGINT; run it again"), going_on("run it again"):
        raise KeyboardInterrupt


def test_handlers_are_given_back_and_ignored_signals_stay_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_processes_of_a_pool_are_ended_not_waited_for():
    began = time.perf_counter()
    try:
        with ending(ProcessPoolExecutor(2, get_context("spawn"))) as pool:
            assert pool.submit(os.getpid).result() != os.getpid()
            pool.submit(time.sleep, 600)
            raise Interrupted
    except Interrupted:
        pass
    assert time.perf_counter() - began < 120


ORPHANS = """
import sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from graphvtr.ending import begin_worker
from graphvtr.locks import output_lock
with output_lock(sys.argv[1]), ProcessPoolExecutor(2, get_context("fork"), begin_worker) as pool:
    list(pool.map(abs, range(4)))
    print("ready", flush=True)
    time.sleep(600)
"""


def test_workers_end_with_their_parent_and_give_its_lock_up(tmp_path):
    script = [sys.executable, "-c", ORPHANS, str(tmp_path / "out")]
    process = subprocess.Popen(script, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.wait()
    process.stdout.close()
    end = time.monotonic() + 120
    while True:
        try:
            with output_lock(tmp_path / "out"):
                break
        except OutputInUseError:  # workers that are about to end
            assert time.monotonic() < end
            time.sleep(0.05)
