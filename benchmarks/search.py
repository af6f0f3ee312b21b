"""Searching synthetic items: building, disk, memory, latency and recall, beside faiss flat, hnswlib and lancedb.

    python benchmarks/search.py                       # 10,000, 100,000 and 1,000,000 items
    python benchmarks/search.py --quick               # 2,000 items: shows that all works

Items are of a model with one vector a clip (VSE++, 128 wide): the vectors of 4,000 made-up captions with noise, so
that clips lie in clusters as real ones do. The queries are other captions of the same words. graphvtr's times are of
``Index.search`` whole: graph, text encoder, candidates, the model's own scores of 100 of them, metadata. The others get
ready vectors and give ids. Every system runs in a process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from benchmarks.lib.harness import write_result
from graphvtr.graphs import RoleGraph
from graphvtr.nn import LevelEmbeddings
from graphvtr.nn.models import MODELS
from graphvtr.search import Index, Item
from graphvtr.search.encode import Encoder
from graphvtr.search.index.build import prepare_folder
from graphvtr.search.index.editing import write_segment
from graphvtr.search.index.manifest import Manifest, publish, read_manifest
from graphvtr.search.index.writing import SegmentWriter
from graphvtr.search.projection import Projection
from graphvtr.text import Vocabulary

WIDTH, TOP, BATCH, CENTRES, NOISE = 128, 10, 16, 4000, 0.6
ADDED = 1000
Array = np.ndarray[Any, Any]


def made_model() -> Any:
    """A small VSE++ of made-up words."""
    torch.manual_seed(0)
    vocabulary = Vocabulary([f"w{number:03d}" for number in range(400)])
    model = MODELS["vse++"](vocab_size=len(vocabulary), video_dim=8, hidden=WIDTH).eval()
    model.vocabulary = vocabulary
    return model


def captions(count: int, seed: int) -> list[RoleGraph]:
    """Sentences of six made-up words, two entities in one action."""
    rng = np.random.default_rng(seed)
    words = [[f"w{number:03d}" for number in row] for row in rng.integers(400, size=(count, 6))]
    return [RoleGraph.build(row, [[2]], [("ARG0", [0, 1]), ("ARG1", [3, 4, 5])], [(0, 0), (1, 0)]) for row in words]


def items(centres: Array, count: int, seed: int) -> Iterator[Array]:
    """Unit vectors about the centres, 10,000 at a time."""
    rng = np.random.default_rng(seed)
    for begin in range(0, count, 10_000):
        size = min(10_000, count - begin)
        noise = rng.normal(size=(size, centres.shape[1])) * NOISE / np.sqrt(centres.shape[1])
        x = (centres[rng.integers(len(centres), size=size)] + noise).astype(np.float32)
        yield x / np.linalg.norm(x, axis=1, keepdims=True)


def fill(writer: SegmentWriter, centres: Array, count: int, seed: int) -> None:
    """Write synthetic clips."""
    place = 0
    for x in items(centres, count, seed):
        named = [Item(f"clip{seed}-{place + row:07d}", f"{place + row}.mp4", 10.0) for row in range(len(x))]
        one = np.zeros(1, np.float32)
        writer.add_videos(named, LevelEmbeddings(event=torch.from_numpy(x)), [one] * len(x), {})
        place += len(x)


def graphvtr_index(folder: Path, centres: Array, count: int) -> tuple[Callable[[list[int]], Any], dict[str, float]]:
    """Build and open an index; a search by positions of the queries, and what adding costs."""
    model = made_model()
    path = folder / "index"
    begin = time.perf_counter()
    prepare_folder(path, model, Manifest("vse++", "", list(model.levels)), [], False)
    projection = Projection(model)
    manifest = read_manifest(path)
    manifest.segments.append(write_segment(path, projection, "auto", lambda writer: fill(writer, centres, count, 0)))
    publish(path, manifest)
    built = time.perf_counter() - begin
    index = Index.open(path)
    queries = captions(200, 2)
    begin = time.perf_counter()
    manifest = read_manifest(path)
    manifest.segments.append(write_segment(path, projection, "flat", lambda writer: fill(writer, centres, ADDED, 1)))
    publish(path, manifest)
    added = time.perf_counter() - begin
    shutil.rmtree(path / "segments" / manifest.segments.pop().name)
    publish(path, manifest)

    def search(places: list[int]) -> list[list[int]]:
        found = index.search([queries[place] for place in places], TOP)
        return [[int(result.name.split("-")[1]) for result in results] for results in found]

    return search, {"build_s": built, "add_1000_s": added}


def vectors_system(
    name: str, folder: Path, centres: Array, count: int, queries: Array
) -> tuple[Callable[[list[int]], Any], dict[str, float]]:
    """Build another system's index of the same vectors."""
    begin = time.perf_counter()
    if name == "faiss flat":
        import faiss

        flat = faiss.IndexFlatIP(WIDTH)
        for x in items(centres, count, 0):
            flat.add(x)
        faiss.write_index(flat, str(folder / "flat"))
        return lambda places: flat.search(queries[places], TOP)[1].tolist(), {"build_s": time.perf_counter() - begin}
    if name == "hnswlib":
        import hnswlib

        graph = hnswlib.Index(space="ip", dim=WIDTH)
        graph.init_index(max_elements=count, ef_construction=100, M=32)
        for x in items(centres, count, 0):
            graph.add_items(x, num_threads=2)
        graph.set_ef(256)
        graph.save_index(str(folder / "hnsw"))
        built = time.perf_counter() - begin
        return lambda places: graph.knn_query(queries[places], TOP)[0].tolist(), {"build_s": built}
    import lancedb
    import pyarrow as pa

    database = lancedb.connect(str(folder / "lance"))
    kind = pa.schema([("id", pa.int64()), ("vector", pa.list_(pa.float32(), WIDTH))])
    table = database.create_table("clips", schema=kind)
    place = 0
    for x in items(centres, count, 0):
        ids = pa.array(range(place, place + len(x)), pa.int64())
        rows = pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), WIDTH)
        table.add(pa.table({"id": ids, "vector": rows}, schema=kind))
        place += len(x)
    if count >= 5000:
        table.create_index(metric="dot", vector_column_name="vector")
    built = time.perf_counter() - begin

    def ask(places: list[int]) -> list[list[int]]:
        found = [table.search(queries[place]).metric("dot").refine_factor(10).limit(TOP) for place in places]
        return [[row["id"] for row in one.to_list()] for one in found]

    return ask, {"build_s": built}


def measure(name: str, count: int, centres: Array, queries: Array, exact: list[set[int]], sender: Any) -> None:
    """Everything about one system, in its own process."""
    folder = Path(tempfile.mkdtemp(prefix="search-bench-"))
    try:
        before = psutil.Process().memory_info().rss
        if name == "graphvtr":
            search, told = graphvtr_index(folder, centres, count)
        else:
            search, told = vectors_system(name, folder, centres, count, queries)
        search(list(range(4)))
        times = []
        found: list[list[int]] = []
        for place in range(len(queries)):
            begin = time.perf_counter()
            found += search([place])
            times.append(time.perf_counter() - begin)
        batches = []
        for place in range(0, len(queries) - BATCH + 1, BATCH):
            begin = time.perf_counter()
            search(list(range(place, place + BATCH)))
            batches.append(time.perf_counter() - begin)
        recall = float(np.mean([len(set(ours) & best) / TOP for ours, best in zip(found, exact, strict=True)]))
        disk = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        sender.send(
            {
                "system": name,
                "items": count,
                **told,
                "disk_mb": disk / 2**20,
                "memory_mb": (psutil.Process().memory_info().rss - before) / 2**20,
                "recall_at_10": recall,
                **{
                    f"{what}_{key}_ms": float(np.quantile(values, q)) * 1000
                    for what, values in (("one", times), ("sixteen", batches))
                    for key, q in (("p50", 0.5), ("p95", 0.95))
                },
            }
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--systems", nargs="+", default=["graphvtr", "faiss flat", "hnswlib", "lancedb"])
    parser.add_argument("--queries", type=int, default=200)
    args = parser.parse_args()
    model = made_model()
    encoder = Encoder(model)
    centres = encoder.texts(captions(CENTRES, 1))["event"].x
    centres = torch.nn.functional.normalize(centres, dim=1).numpy()
    queries = torch.nn.functional.normalize(encoder.texts(captions(200, 2))["event"].x, dim=1).numpy()
    queries = queries[: 32 if args.quick else min(200, args.queries)]
    rows = []
    for count in [2000] if args.quick else args.items:
        scores = np.concatenate([queries @ x.T for x in items(centres, count, 0)], axis=1)
        exact = [set(row.tolist()) for row in np.argpartition(-scores, TOP, axis=1)[:, :TOP]]
        for name in args.systems:
            receiver, sender = multiprocessing.get_context("spawn").Pipe(duplex=False)
            child = multiprocessing.get_context("spawn").Process(
                target=measure, args=(name, count, centres, queries, exact, sender)
            )
            child.start()
            sender.close()
            try:
                rows.append(receiver.recv())
                print({key: round(v, 3) if isinstance(v, float) else v for key, v in rows[-1].items()}, flush=True)
            except EOFError:
                print(f"{name} with {count:,} items: failed", flush=True)
            child.join()
    write_result("search", rows, width=WIDTH)


if __name__ == "__main__":
    main()
