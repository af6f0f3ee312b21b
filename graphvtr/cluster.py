"""Work for the processes of a Ray cluster, over Ray Data: a task whose process dies is given to another one."""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeVar, get_args

from graphvtr._optional import optional_import
from graphvtr.ending import handlers_kept
from graphvtr.errors import DataError, GraphVTRError
from graphvtr.registry import RanFiles

T = TypeVar("T")
R = TypeVar("R")
Engine = Literal["processes", "ray"]
RETRIES = 2
WINDOW = 64
"""Items for each processor in a dataset of Ray Data, which is held in memory; between two of them processors wait."""


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
                "start it with ray start --head, and give its HOST:6379, or auto on a machine of the cluster; one that "
                "asks for a token also needs RAY_AUTH_MODE=token and the head's ~/.ray/auth_token",
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
    ) -> Iterator[R]:
        """Results of the work on ``items``, in their order: datasets of Ray Data with a block, and so a task, an item.

        Args:
            prepare: called once in each process, gives the work on an item. Both are sent there: define them at the top
                of a module, or as :func:`functools.partial` of such a function.
            items: what to work on; may be endless.
            died: the result for an item that has ended its process ``1 + retries`` times; by default an error.

        Raises:
            GraphVTRError: what the work raises.
            DataError: a process died again and again, and there is no ``died``; the work cannot be sent.
        """
        ray = connect(self.address)
        size = WINDOW * max(1, int(ray.cluster_resources().get("CPU", 1)))
        try:
            # in a list: fetched once by each process, not with each item. The user's files come first, with its classes
            prepared = [ray.put((RanFiles(), prepare))]
        except Exception as error:  # pickle has no error of its own for most of this
            fix = "define their classes at the top of a module"
            raise DataError("the parts of the work", f"cannot be sent to other processes ({error})", fix) from error
        tries = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(_Tries).remote(1 + self.retries)
        work = {"key": uuid.uuid4().hex, "prepared": prepared, "tries": tries}
        left = enumerate(items)
        while window := [_Of(number, item) for number, item in islice(left, size)]:
            for of, (_, result, problem) in zip(window, self._over_data(work, window), strict=True):
                if isinstance(problem, _DiedError) and died is not None:
                    yield died(of.value)
                elif problem is not None:
                    raise problem
                else:
                    yield result

    def _over_data(self, work: dict[str, Any], window: list[_Of]) -> Iterator[_Of]:
        """What has become of items."""
        data = optional_import("ray.data", "scale", "--engine ray")
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # it tells its plans, and errors twice
        rows = data.from_items([{"of": item} for item in window], override_num_blocks=len(window))
        rows.context.enable_progress_bars = False
        rows.context.execution_options.preserve_order = True
        tasks = data.TaskPoolStrategy(min(self.workers or len(window), len(window)))
        for row in rows.map(_work, fn_kwargs=work, compute=tasks, num_cpus=1).iter_rows():
            yield row["of"]


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


class _Of(NamedTuple):
    """Of an item: its number, and itself or what has become of it. Arrow would change a plain list."""

    number: int
    value: Any
    error: GraphVTRError | None = None


class _DiedError(DataError):
    """The processes of an item died."""


class _Tries:
    """Counts how often an item has been begun: Ray Data begins again for ever what ends its process."""

    def __init__(self, most: int) -> None:
        self.most, self.of = most, Counter[int]()

    def may_begin(self, number: int) -> bool:
        """Whether an item has a try left, which is then taken."""
        self.of[number] += 1
        return self.of[number] <= self.most


_prepared: dict[str, Callable[[Any], Any]] = {}


def _work(row: dict[str, _Of], key: str, prepared: list[Any], tries: Any) -> dict[str, _Of]:
    """An item's task, in a process of the cluster; what is wrong with the item is a result too."""
    number, item, _ = row["of"]
    ray = optional_import("ray", "scale", "a task")
    try:
        if not ray.get(tries.may_begin.remote(number)):
            fix = "run the command again, with fewer --workers if memory is short"
            raise _DiedError("a process of the cluster", "died again and again over the same piece of work", fix)
        if key not in _prepared:
            import torch  # seconds, which a command that has no tasks need not wait

            torch.set_num_threads(1)  # a task has one processor
            _prepared.clear()
            _prepared[key] = _received(ray, prepared[0])[1]()
        return {"of": _Of(number, _prepared[key](item))}
    except GraphVTRError as error:
        return {"of": _Of(number, None, error)}


def _received(ray: Any, parts: Any) -> Any:
    try:
        return ray.get(parts)
    except ray.exceptions.RaySystemError as error:  # of pickle, and Ray Data would try it for ever
        reason = str(error).strip().splitlines()[-1]
        fix = "install the same versions everywhere, and keep files of your own under the same paths"
        raise DataError(
            "the parts of the work", f"cannot be read in a process of the cluster: {reason}", fix
        ) from error
