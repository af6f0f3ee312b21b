"""Work for the processes of a Ray cluster: a task whose process dies is given to another one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

from graphvtr._optional import optional_import
from graphvtr.ending import handlers_kept
from graphvtr.errors import DataError, GraphVTRError
from graphvtr.registry import RanFiles

T = TypeVar("T")
R = TypeVar("R")
Engine = Literal["processes", "ray"]
RETRIES = 2


def connect(address: str | None = None, purpose: str = "--engine ray") -> Any:
    """Ray, connected to a cluster, or started on this machine.

    Args:
        address: ``HOST:6379``, or ``auto`` for the cluster that this machine is part of; None is what
            ``$RAY_ADDRESS`` says, or else this machine. What is connected already stays so.
        purpose: what it is for, for the message.

    Raises:
        MissingExtraError: Ray is not installed.
        DataError: there is no cluster at ``address``.
    """
    ray = optional_import("ray", "scale", purpose)
    if not ray.is_initialized():
        here = {"include_dashboard": False} if address is None else {}
        try:
            with handlers_kept():
                ray.init(address=address, log_to_driver=False, configure_logging=False, **here)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise DataError(
                f"Ray at '{address}'",
                f"cannot be reached: {' '.join(str(error).split())}",
                "start it with ray start --head, and give its HOST:6379, or auto on a machine of the cluster",
            ) from error
    return ray


@contextmanager
def connected(address: str | None = None, purpose: str = "--engine ray") -> Iterator[Any]:
    """As :func:`connect`, for one piece of work: what was begun for it ends with it, and leaves no process behind."""
    ray = optional_import("ray", "scale", purpose)
    began = not ray.is_initialized()
    try:
        yield connect(address, purpose)
    finally:
        if began:
            ray.shutdown()


@dataclass(frozen=True)
class Cluster:
    """Processes of a Ray cluster that share a piece of work.

    All machines need graphvtr and its extras, and the files that the work reads and writes under the same paths.

    Args:
        address: see :func:`connect`.
        workers: tasks at a time, each with a processor of its own; None is as many as the cluster has processors.
        retries: times that a task is done again whose process died (killed, out of memory, its machine gone).

    Raises:
        DataError: fewer than one worker.
    """

    address: str | None = None
    workers: int | None = None
    retries: int = RETRIES

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise DataError("workers", f"is {self.workers}", "at least one process has to do it")

    def run(
        self,
        prepare: Callable[[], Callable[[T], R]],
        items: Iterable[T],
        *,
        died: Callable[[T], R] | None = None,
        ordered: bool = True,
    ) -> Iterator[R]:
        """Results of the work on ``items``, a few of which are on their way at a time.

        Args:
            prepare: called once in each process, gives the work on an item. Both are sent there: define them at the top
                of a module, or as :func:`functools.partial` of such a function.
            items: what to work on; may be endless.
            died: the result for an item that has ended its process ``1 + retries`` times; by default an error.
            ordered: results in the order of the items, or as they come.

        Raises:
            GraphVTRError: what the work raises.
            DataError: a process died again and again, and there is no ``died``; the work cannot be sent.
        """
        ray = connect(self.address)
        at_once = self.workers or 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))  # some wait, none idle
        task = ray.remote(num_cpus=1, max_retries=self.retries)(_work)
        key, waiting, left = uuid.uuid4().hex, {}, iter(items)
        try:
            # in a list: fetched once by each process, not with each item. The user's files come first, with its classes
            prepared = [ray.put((RanFiles(), prepare))]
        except Exception as error:  # pickle has no error of its own for most of this
            fix = "define their classes at the top of a module"
            raise DataError("the parts of the work", f"cannot be sent to other processes ({error})", fix) from error
        try:
            while True:
                for item in left:
                    waiting[task.remote(key, prepared, item)] = item
                    if len(waiting) >= at_once:
                        break
                if not waiting:
                    return
                first = [next(iter(waiting))] if ordered else list(waiting)
                for reference in ray.wait(first, num_returns=1)[0]:
                    yield self._result(ray, reference, waiting.pop(reference), died)
        finally:
            for reference in waiting:  # nobody wants what is still running
                ray.cancel(reference, force=True)

    def _result(self, ray: Any, reference: Any, item: T, died: Callable[[T], R] | None) -> R:
        gone = (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError, ray.exceptions.NodeDiedError)
        try:
            return ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, GraphVTRError):
                raise error.cause from None
            raise
        except gone as error:
            if died is not None:
                return died(item)
            raise DataError(
                "a process of the cluster",
                f"died {self.retries + 1} times over the same piece of work",
                "run the command again, with fewer --workers if memory is short",
            ) from error


def cluster_of(engine: str, address: str | None, workers: int | None) -> Cluster | None:
    """The cluster that ``engine`` asks for; None for processes of this machine.

    Raises:
        DataError: an unknown engine, or an address for processes.
    """
    if engine not in get_args(Engine):
        raise DataError(f"engine '{engine}'", "unknown", f"known: {', '.join(get_args(Engine))}")
    if engine == "ray":
        return Cluster(address, workers)
    if address is not None:
        raise DataError("address", f"is '{address}', and processes need none", "give --engine ray")
    return None


_prepared: dict[str, Callable[[Any], Any]] = {}


def _work(key: str, prepared: list[Any], item: Any) -> Any:
    """An item's task, in a process of the cluster."""
    if key not in _prepared:
        import torch  # seconds, which a command that has no tasks need not wait

        torch.set_num_threads(1)  # a task has one processor
        _prepared.clear()
        _prepared[key] = optional_import("ray", "scale", "a task").get(prepared[0])[1]()
    return _prepared[key](item)
