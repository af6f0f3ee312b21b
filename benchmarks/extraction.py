"""Extraction of region graphs from clips: speed by stage, a run killed half way, memory for long clips.

    python benchmarks/extraction.py CLIPS --detector FastestDet.onnx [--parts stages resume memory]

* ``stages``: median seconds a clip for decoding, detecting, features (backbone and RoI pooling) and linking.
* ``resume``: ``graphvtr extract`` on all clips, killed (SIGKILL) when half of them are done, started again: clips/s,
  which clips were done twice (none should be), and whether the checksum is that of an undisturbed run
  (``--reference`` names the store of one; otherwise one is made).
* ``memory``: largest resident size and seconds for synthetic clips of one minute to two hours, of 20 frames and of
  one frame a second with 16 regions each. Aim: 20 frames of two hours need no more than 20 frames of a minute, and a
  frame a second no more than its features beyond that.
"""

from __future__ import annotations

import argparse
import json
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
from harness import write_result
from tqdm import tqdm

from graphvtr.video import ClipPipeline, FeatureStore, TrackLinker, build_detector, build_featurizer, find_clips
from graphvtr.video.regions import describe_frames_and_regions
from graphvtr.video.stream import sample_clip

MINUTES = (1, 10, 60, 120)
MEASURE = """
import sys, resource, time
import torch
from graphvtr.video import ClipPipeline, GridRegions, PixelDescriptor, TrackLinker
rate = float(sys.argv[2])
regions = (None, None) if rate == 0 else (GridRegions(4), TrackLinker())
pipeline = ClipPipeline(PixelDescriptor(), *regions, rate=rate or None)
begin = time.perf_counter()
fields, note = pipeline(sys.argv[1])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, time.perf_counter() - begin,
      len(fields["frame_time"]), sum(value.nbytes for value in fields.values()) / 2**20)
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


def extract_command(args: argparse.Namespace, out: Path) -> list[str]:
    """The command line of an extraction."""
    parts = ["--detector", str(args.detector), "--regions", "36", "--backbone", args.backbone]
    clips = [str(args.clips), "--out", str(out), "--workers", str(args.workers)]
    return [sys.executable, "-m", "graphvtr", "extract", *clips, *parts]


def resume(args: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """A run killed half way and started again, against an undisturbed one."""
    total, out = len(find_clips(args.clips)[0]), folder / "killed"
    begin = time.perf_counter()
    process = subprocess.Popen(extract_command(args, out), stderr=subprocess.DEVNULL)
    while process.poll() is None and len(list(out.glob("clips/*.safetensors"))) < total // 2:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed = time.perf_counter() - begin
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
    """Noise that drifts, 5 frames a second, a key frame every ten seconds."""
    noise = np.random.default_rng(0).integers(0, 255, (180, 640, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 320, 180, "yuv420p", 50
        for index in range(minutes * 300):
            picture = np.ascontiguousarray(noise[:, index % 320 : index % 320 + 320])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def memory(folder: Path) -> list[dict[str, Any]]:
    """Largest resident size by the clip's length, each in a process of its own."""
    rows = []
    for minutes in tqdm(MINUTES, desc="memory"):
        film = folder / f"{minutes}.mp4"
        write_film(film, minutes)
        for rate in (0, 1):
            run = [sys.executable, "-c", MEASURE, str(film), str(rate)]
            printed = subprocess.run(run, check=True, capture_output=True, text=True).stdout
            resident, seconds, frames, features = map(float, printed.split())
            rows.append(
                {
                    "minutes": minutes,
                    "frames": int(frames),
                    "regions a frame": 16 if rate else 0,
                    "seconds": seconds,
                    "max_resident_mib": resident,
                    "features_mib": features,
                }
            )
        film.unlink()
    return rows


def main() -> None:
    """Run the chosen parts; each is written as soon as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--parts", nargs="+", choices=("stages", "resume", "memory"), default=["stages", "memory"])
    parser.add_argument("--stage-clips", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
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
                rows = resume(args, Path(temporary)) if part == "resume" else memory(Path(temporary))
        for row in rows:
            print(row)
        write_result(f"extraction_{part}", rows, clips=len(files), workers=args.workers)


if __name__ == "__main__":
    main()
