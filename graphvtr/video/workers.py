"""Clips shared among processes: a clip that kills its process costs that clip."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from graphvtr.cluster import Cluster
from graphvtr.ending import begin_worker, end_pool
from graphvtr.errors import DataError, MissingExtraError
from graphvtr.registry import RanFiles
from graphvtr.terminal import printable
from graphvtr.video.clip_files import describe_source
from graphvtr.video.pipeline import ClipPipeline
from graphvtr.video.store import FeatureStore, StoreWriteError

NamedFile = tuple[str, Path]
_DIED = "the process that read it died (killed, out of memory, or a fault in a codec)"


@dataclass(frozen=True)
class Outcome:
    """What became of a clip.

    Attributes:
        name: of the clip.
        skipped: whether the store had it already.
        failure: why it could not be used, empty if it could.
        note: what was odd about it.
    """

    name: str
    skipped: bool = False
    failure: str = ""
    note: str = ""


def _is_sound(store: FeatureStore, name: str) -> bool:
    """Whether a clip that is there is whole; reading it costs little beside decoding it."""
    try:
        return not store.problem_of(name)
    except DataError:
        return False


@dataclass(frozen=True)
class ClipTask:
    """A clip into the store, whatever happens to it.

    Args:
        store: its folder.
        folder: the clips'.
        pipeline: what is done with a clip.
    """

    store: Path
    folder: Path
    pipeline: ClipPipeline

    def __call__(self, clip: NamedFile, store: FeatureStore) -> Outcome:
        """Extract one clip.

        Raises:
            StoreWriteError: the store cannot be written, so no other clip would fare better.
            MissingExtraError: a package is missing, likewise.
        """
        name, file = clip
        try:
            source = describe_source(file, self.folder)
            same = name in store and store.entry(name).source.get("fingerprint") == source["fingerprint"]
            if same and _is_sound(store, name):
                return Outcome(name, skipped=True, note=store.entry(name).note)
            with store.new_clip(name) as gathered:
                note = self.pipeline.fill(gathered, file)
                store.add_clip(gathered, source=source, note=note)
        except (StoreWriteError, MissingExtraError):
            raise
        except Exception as error:  # whatever is wrong with one clip, the others are still wanted
            kind = "" if isinstance(error, DataError) else f"{type(error).__name__}: "
            return Outcome(name, failure=printable(f"{kind}{error}"))
        return Outcome(name, note=note)


def check_workers(workers: int) -> None:
    """Refuse to work with nobody.

    Raises:
        DataError: fewer than one.
    """
    if workers < 1:
        raise DataError("workers", f"is {workers}", "at least one process has to do it")


def run_tasks(
    task: ClipTask, clips: list[NamedFile], workers: int, cluster: Cluster | None = None
) -> Iterator[Outcome]:
    """Outcomes as they come; with one worker in this process and in order.

    A process that dies takes its pool with it. The clips it may have died of are then tried one by one, each in
    a process of its own, so that only those that kill it again are lost. In a ``cluster`` a clip is tried again.

    Raises:
        StoreWriteError: the store cannot be written.
        MissingExtraError: a package is missing.
        DataError: the parts of the pipeline cannot be sent to other processes.
    """
    if cluster is not None:
        paths = replace(task, store=task.store.resolve(), folder=task.folder.resolve())
        whole = [(name, file.resolve()) for name, file in clips]
        yield from cluster.run(partial(_here, paths, 1), whole, died=_dead)
        return
    store = FeatureStore.open(task.store)
    if workers == 1:
        yield from (task(clip, store) for clip in clips)
        return
    try:
        pickle.dumps(task)
    except Exception as error:  # pickle has no error of its own for most of this
        fix = "define their classes at the top of a module, or use one worker"
        raise DataError("workers", f"cannot be sent the parts of the pipeline ({error})", fix) from error
    left = list(clips)
    while left:
        finished: set[str] = set()
        suspects: list[NamedFile] = []
        for outcome in _pool(task, left, workers, suspects):
            finished.add(outcome.name)
            yield outcome
        for suspect in suspects:
            finished.add(suspect[0])
            dead: list[NamedFile] = []
            yield from _pool(task, [suspect], 1, dead)
            yield from map(_dead, dead)
        left = [clip for clip in left if clip[0] not in finished]


def _pool(task: ClipTask, clips: list[NamedFile], workers: int, suspects: list[NamedFile]) -> Iterator[Outcome]:
    """Outcomes of one pool; if it breaks, the clips that were in work are added to ``suspects``."""
    threads = max(1, torch.get_num_threads() // workers)
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    waiting = iter(clips)
    running: dict[Future[Outcome], NamedFile] = {}
    with ProcessPoolExecutor(workers, context, _begin, (RanFiles(), task, threads)) as pool:
        try:
            while True:
                while len(running) < workers and (clip := next(waiting, None)) is not None:
                    running[pool.submit(_work, clip)] = clip
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    outcome = future.result()
                    del running[future]
                    yield outcome
        except BrokenProcessPool:
            suspects += running.values()
        except BaseException:  # also who stopped asking: nobody wants what is still running
            end_pool(pool)
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _dead(clip: NamedFile) -> Outcome:
    return Outcome(clip[0], failure=_DIED)


def _here(task: ClipTask, threads: int) -> Callable[[NamedFile], Outcome]:
    """The work of a process of its own."""
    own = replace(task, pipeline=replace(task.pipeline, threads=threads))
    return partial(own, store=FeatureStore.open(task.store))


_task: Callable[[NamedFile], Outcome] | None = None


def _begin(_: RanFiles, task: ClipTask, threads: int) -> None:
    """First thing in a worker; the user's files come before what may be of them."""
    global _task
    begin_worker()
    torch.set_num_threads(threads)
    _task = _here(task, threads)


def _work(clip: NamedFile) -> Outcome:
    assert _task is not None
    return _task(clip)
