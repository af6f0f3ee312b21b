"""The holographic score of all pairs as one matrix product, against a Fourier transform a pair and the definition.

    python benchmarks/speed/holographic.py                # 2,048 videos x 2,048 captions, d = 1024

``graphvtr.nn.HolographicMatch`` scores all pairs at once. The rivals go through captions in blocks whose correlations
fit ``--block-mib``: ``fft`` as HolE's code has it, one inverse transform a pair; ``direct`` by the definition, a
circulant matrix of every caption times all videos, d multiplications for each of the d entries of a pair. Both are
linear in the number of captions and are timed on the first ``--share`` of them; ``--full`` times ``fft`` on all.
Scores are compared before anything is timed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.lib.harness import measure, peak_memory, write_result
from graphvtr.nn import HolographicMatch, Level

Form = Callable[[HolographicMatch, Tensor, Tensor, int], Tensor]


def one_product(match: HolographicMatch, video: Tensor, text: Tensor, block: int) -> Tensor:
    """All pairs at once."""
    return match(Level(video), Level(text))  # type: ignore[no-any-return]


def fft(match: HolographicMatch, video: Tensor, text: Tensor, block: int) -> Tensor:
    """One inverse transform a pair, ``block`` captions at a time."""
    of_video = torch.fft.rfft(video).conj()[:, None]
    parts = []
    for some in text.split(block):
        correlation = torch.fft.irfft(of_video * torch.fft.rfft(some), n=video.size(1))  # [Nv, block, d]
        parts.append(match.linear(correlation).squeeze(-1))
    return torch.sigmoid(torch.cat(parts, 1))


def direct(match: HolographicMatch, video: Tensor, text: Tensor, block: int) -> Tensor:
    """By the definition: [v * t]_k = sum_i v_i t_{(k + i) mod d}."""
    d = video.size(1)
    place = (torch.arange(d)[:, None] + torch.arange(d)) % d  # [i, k]
    return torch.sigmoid(torch.cat([match.linear(video @ one[place]) for one in text], 1))


def step(form: Form, match: HolographicMatch, video: Tensor, text: Tensor, block: int) -> None:
    """Scores and all gradients."""
    video, text = video.detach().requires_grad_(), text.detach().requires_grad_()
    form(match, video, text, block).sum().backward()
    match.zero_grad()


def run(form: Form, match: HolographicMatch, video: Tensor, text: Tensor, block: int) -> None:
    """Scores alone."""
    with torch.inference_mode():
        form(match, video, text, block)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=2048, help="videos, and captions")
    parser.add_argument("--channels", type=int, default=1024)
    parser.add_argument("--share", type=int, default=32, help="rivals are timed on one in so many captions")
    parser.add_argument("--block-mib", type=int, default=64, help="size of a block of correlations")
    parser.add_argument("--full", action="store_true", help="also time fft on all captions, once")
    parser.add_argument("--seconds", type=float, default=3.0, help="at least this long a case")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    items, d = arguments.items, arguments.channels
    video, text, match = torch.randn(items, d), torch.randn(items, d), HolographicMatch(d)
    block = max(1, arguments.block_mib * 2**20 // (4 * items * d))
    part = text[: max(1, items // arguments.share)]
    with torch.inference_mode():
        wanted = one_product(match, video[:64], part[:8], block)
        for form in (fft, direct):
            torch.testing.assert_close(form(match, video[:64], part[:8], block), wanted, rtol=1e-3, atol=1e-4)
    rows: list[dict[str, Any]] = []
    for name, kind in (("scores", run), ("scores and gradients", step)):
        cases: list[tuple[str, Form, Tensor]] = [("one product", one_product, text), ("fft a pair", fft, part)]
        if kind is run:
            cases.append(("definition", direct, part[: max(1, len(part) // 8)]))
        if arguments.full and kind is run:
            cases.append(("fft a pair", fft, text))
        for title, form, captions in cases:
            call = partial(kind, form, match, video, captions, block)
            once = form is not one_product and captions is text
            timing = measure(
                call, seconds=0.0 if once else arguments.seconds, min_calls=1 if once else 3, warmup=0 if once else 1
            )
            seconds = timing.median * items / len(captions)
            rows.append(
                {
                    "case": name,
                    "form": title,
                    "captions": len(captions),
                    "timing": timing,
                    "seconds_all_pairs": seconds,
                    "peak_mib": peak_memory(call) / 2**20,
                }
            )
            base = next(row["seconds_all_pairs"] for row in rows if row["case"] == name)
            rows[-1]["times_one_product"] = seconds / base
            print(
                f"{name:22} {title:12} {len(captions):>5} captions: all pairs {seconds:9.3f} s"
                f" ({seconds / base:8.1f} x), peak {rows[-1]['peak_mib']:8.1f} MiB",
                flush=True,
            )
    write_result("holographic", rows, items=items, channels=d, block=block, share=arguments.share)


if __name__ == "__main__":
    main()
