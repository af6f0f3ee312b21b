"""Extraction of region graphs from clips: speed by stage, a run killed half way, memory for long clips.

    python benchmarks/speed/extraction.py CLIPS --detector FastestDet.onnx [--parts stages speed resume memory]

* ``stages``: median seconds a clip for decoding, detecting, features (backbone and RoI pooling) and linking.
* ``speed``: ``graphvtr extract`` on all clips with one and two processes: clips/s as the command prints them, and with
  the seconds it takes to start.
* ``resume``: ``graphvtr extract`` on all clips, killed (SIGKILL) when half of them are done, started again: clips/s,
  which clips were done twice (none should be), and whether the checksum is that of an undisturbed run
  (``--reference`` names the store of one; otherwise one is made).
* ``memory``: largest resident size of a whole extraction (decoding, detector, backbone, tracks, store) of synthetic
  clips of one minute to two hours, of 20 frames and of one frame a second, 36 regions in each. Aim: two hours need no
  more than one, although 7,200 frames of 36 regions are two thirds of a gigabyte of features.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np
from tqdm import tqdm

from benchmarks.lib.harness import write_result
from graphvtr.video import ClipPipeline, FeatureStore, TrackLinker, build_detector, build_featurizer, find_clips
from graphvtr.video.regions import describe_frames_and_regions
from graphvtr.video.stream import sample_clip

MINUTES = (1, 10, 60, 120)
PARTS = ("stages", "speed", "resume", "memory")
MEASURE = """
import resource, sys, time
from graphvtr.video import FeatureStore, OnnxDetector, TrackLinker, build_featurizer, extract

def resident():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

clips, out, detector, backbone, rate = sys.argv[1:]
# no threshold and no suppression: as many regions as fit, 36 in every frame
parts = {"detector": OnnxDetector(detector, min_score=0.0, max_overlap=1.0), "linker": TrackLinker()}
featurizer = build_featurizer(backbone)
before, begin = resident(), time.perf_counter()
report = extract(clips, out, featurizer, **parts, rate=float(rate) or None, progress=False)
seconds, after = time.perf_counter() - begin, resident()
assert not report.failures, report.failures
store = FeatureStore.open(out)
(entry,) = (store.entry(name) for name in store)
print(before, after, seconds, entry.shapes["frame_x"][0], entry.shapes["region_x"][0], entry.num_bytes / 2**20)
"""


def stages(clips: list[Path], pipeline: ClipPipeline) -> list[dict[str, Any]]:
    """Median seconds a clip of each stage."""
    seconds: dict[str, list[float]] = {"decode": [], "detect": [], "features": [], "link": []}

    def timed(stage: str, call: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        found = call()
        seconds[stage].append(time.perf_counter() - begin)
        return found

    assert pipeline.detector is not None
    assert pipeline.linker is not None
    for file in tqdm(clips, desc="stages"):
        clip = timed("decode", lambda file=file: sample_clip(file, pipeline.num_frames))
        regions = timed("detect", lambda clip=clip: pipeline.detector(clip.frames))
        both = timed(
            "features",
            lambda clip=clip, regions=regions: describe_frames_and_regions(pipeline.featurizer, clip.frames, regions),
        )
        timed("link", lambda regions=regions, both=both: pipeline.linker(regions, both[1]))
    return [{"stage": stage, "seconds": median(values), "clips": len(clips)} for stage, values in seconds.items()]


def extract_command(args: argparse.Namespace, out: Path, workers: int | None = None) -> list[str]:
    """The command line of an extraction."""
    parts = ["--detector", str(args.detector), "--regions", "36", "--backbone", args.backbone]
    clips = [str(args.clips), "--out", str(out), "--workers", str(workers or args.workers)]
    return [sys.executable, "-m", "graphvtr", "extract", *clips, *parts]


def speed(args: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Clips/s by the number of processes; torch's threads are shared among them."""
    rows = []
    for workers in (1, 2):
        begin = time.perf_counter()
        command = extract_command(args, folder / f"{workers}", workers)
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        seconds = time.perf_counter() - begin
        store = FeatureStore.open(folder / f"{workers}")
        rows.append(
            {
                "workers": workers,
                "clips": len(store),
                "failures": len(json.loads((store.path / "failures.json").read_text())),
                "seconds": seconds,
                "clips_per_second": float(printed.split("(")[1].split()[0]),
                "clips_per_second_with_start": len(store) / seconds,
                "checksum": store.checksum(),
            }
        )
    return rows


def resume(args: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """A run killed half way and started again, against an undisturbed one."""
    total, out = len(find_clips(args.clips)[0]), folder / "killed"
    begin = time.perf_counter()
    process = subprocess.Popen(extract_command(args, out), stderr=subprocess.DEVNULL)
    while process.poll() is None and len(list(out.glob("clips/*.safetensors"))) < total // 2:
        time.sleep(0.1)
    killed = time.perf_counter() - begin
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(2)  # its workers notice and end
    done = {file.name: file.stat().st_mtime_ns for file in out.glob("clips/*.safetensors")}
    rows = [{"run": "killed half way", "clips": len(done), "seconds": killed}]
    names = set(FeatureStore.open(out))
    begin = time.perf_counter()
    printed = subprocess.run(extract_command(args, out), check=True, capture_output=True, text=True).stdout
    print(printed)
    rows.append({"run": "started again", "clips": total - len(done), "seconds": time.perf_counter() - begin})
    if args.reference is None:
        begin = time.perf_counter()
        subprocess.run(extract_command(args, folder / "whole"), check=True, stdout=subprocess.DEVNULL)
        rows.append({"run": "undisturbed", "clips": total, "seconds": time.perf_counter() - begin})
    whole, again = FeatureStore.open(args.reference or folder / "whole"), FeatureStore.open(out)
    return [
        *({**row, "clips_per_second": row["clips"] / row["seconds"]} for row in rows),
        {
            "clips": len(again),
            "there already when started again": f"{len(names)} there already" in printed and len(names),
            "failures": len(json.loads((out / "failures.json").read_text())),
            "same checksum as an undisturbed run": again.checksum() == whole.checksum(),
            "same settings": again.settings == whole.settings,
            "damaged": len(again.verify()),
        },
    ]


def write_film(path: Path, minutes: int) -> None:
    """Noise that drifts, 2 frames a second, a key frame every ten seconds."""
    noise = np.random.default_rng(0).integers(0, 255, (180, 640, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=2)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 320, 180, "yuv420p", 20
        for index in range(minutes * 120):
            picture = np.ascontiguousarray(noise[:, index % 320 : index % 320 + 320])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def memory(args: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Largest resident size by the clip's length, each in a process of its own."""
    rows = []
    films = [(minutes, rate) for minutes in args.minutes for rate in (0, 1)]
    for minutes, rate in tqdm(films, desc="memory"):
        clips, out = folder / f"{minutes}", folder / f"store-{minutes}-{rate}"
        clips.mkdir(exist_ok=True)
        if not (clips / "film.mp4").exists():
            write_film(clips / "film.mp4", minutes)
        run = [sys.executable, "-c", MEASURE, str(clips), str(out), str(args.detector), args.backbone, str(rate)]
        printed = subprocess.run(run, check=True, stdout=subprocess.PIPE, text=True).stdout
        before, after, seconds, frames, regions, features = map(float, printed.split())
        shutil.rmtree(out)
        rows.append(
            {
                "minutes": minutes,
                "frames": int(frames),
                "regions": int(regions),
                "seconds": seconds,
                "resident_mib_with_models": before,
                "max_resident_mib": after,
                "stored_mib": features,
            }
        )
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Run the chosen parts; each is written as soon as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--stage-clips", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--minutes", type=int, nargs="+", default=MINUTES, help="lengths of the films")
    parser.add_argument("--reference", type=Path, help="store of an undisturbed run")
    args = parser.parse_args()
    files = list(find_clips(args.clips)[0].values())
    for part in args.parts:
        with tempfile.TemporaryDirectory() as temporary:
            if part == "stages":
                detector = build_detector(args.detector)
                pipeline = ClipPipeline(build_featurizer(args.backbone), detector, TrackLinker())
                rows = stages(files[:: max(1, len(files) // args.stage_clips)], pipeline)
            else:
                rows = {"speed": speed, "resume": resume, "memory": memory}[part](args, Path(temporary))
        for row in rows:
            print(row)
        write_result(f"extraction_{part}", rows, clips=len(files), workers=args.workers)


if __name__ == "__main__":
    main()
