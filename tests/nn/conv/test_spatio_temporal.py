"""SpatioTemporalTransformer: Eq 5-10 on padded tensors in float64, and every invariance of the page."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.nn import SpatioTemporalTransformer, TransformerBlock
from graphvtr.nn.conv.complete_graph_attention import complete_edge_index

WIDTH = 8
CLIPS = [[2, 0, 3], [1], [0, 0], [4, 4]]  # regions of each frame of each clip
EQUAL = [[3, 3], [3, 3]]


def pointers(clips: list[list[int]]) -> tuple[Tensor, Tensor]:
    regions = torch.tensor([0, *[count for clip in clips for count in clip]]).cumsum(0)
    return regions, torch.tensor([0, *map(len, clips)]).cumsum(0)


def regions(clips: list[list[int]], dtype: torch.dtype = torch.double) -> Tensor:
    return torch.randn(sum(map(sum, clips)), WIDTH, dtype=dtype, requires_grad=True)


def build(**options: Any) -> SpatioTemporalTransformer:
    model = SpatioTemporalTransformer(WIDTH, **{"num_layers": 2, "heads": 2, "mlp_ratio": 1.5, **options})
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm | torch.nn.Linear):
            torch.nn.init.normal_(module.bias, std=0.3)
    return model.double()


def padded_block(block: TransformerBlock, x: Tensor, mask: Tensor) -> Tensor:
    """A transformer block as one writes it for padded batches: [S, n, D], True where there is a node."""
    h, d = block.attention.heads, WIDTH // block.attention.heads
    y = F.layer_norm(x, (WIDTH,), block.norm_attention.weight, block.norm_attention.bias)
    q, k, v = (part.unflatten(-1, (h, d)).transpose(1, 2) for part in block.attention.qkv(y).chunk(3, -1))
    score = (q @ k.transpose(-1, -2) / math.sqrt(d)).masked_fill(~mask[:, None, None], -1e30)
    x = x + block.attention.out((score.softmax(-1) @ v).transpose(1, 2).flatten(2))
    y = F.layer_norm(x, (WIDTH,), block.norm_mlp.weight, block.norm_mlp.bias)
    one, _, two = block.mlp
    hidden = one(y)
    return x + two(hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2)


def padded(model: SpatioTemporalTransformer, x: Tensor, clips: list[list[int]], fill: float = 0.0) -> Tensor:
    """The whole model on [B, T, N, D] with masks; ``fill`` stands where there is no region."""
    most, longest = max(max(clip) for clip in clips), max(map(len, clips))
    counts = torch.tensor([clip + [0] * (longest - len(clip)) for clip in clips])
    mask = torch.arange(most) < counts[..., None]  # [B, T, N]
    dense = torch.full((*mask.shape, WIDTH), fill, dtype=x.dtype).masked_scatter(mask[..., None], x)
    rows, row_mask = dense.flatten(0, 1), mask.flatten(0, 1)
    for block in model.spatial:
        rows = padded_block(block, rows, row_mask)
    frames = rows.masked_fill(~row_mask[..., None], 0).sum(1) / row_mask.sum(1).clamp(min=1)[:, None]
    z = frames.view(len(clips), longest, WIDTH)
    there = torch.arange(longest) < torch.tensor([len(clip) for clip in clips])[:, None]
    if has_positions(model):
        for place in range(longest):
            wave = [
                f(place / 10000 ** (channel / WIDTH)) for channel in range(0, WIDTH, 2) for f in (math.sin, math.cos)
            ]
            z = z + (torch.arange(longest) == place)[:, None] * torch.tensor(wave, dtype=z.dtype)
    for block in model.temporal.blocks:
        z = padded_block(block, z, there)
    return z[there]


def has_positions(model: SpatioTemporalTransformer) -> bool:
    return model.temporal.positions == "sinusoidal" and len(model.temporal.blocks) > 0


VARIANTS: dict[str, dict[str, Any]] = {
    "full": {},
    "spatial": {"temporal": False},
    "temporal": {"spatial": False},
    "mean": {"num_layers": 0},
    "no positions": {"positions": "none"},
    "released": {"temporal_over": "regions"},
}


@pytest.mark.parametrize("variant", list(VARIANTS))
@pytest.mark.parametrize("path", ["fused", "message passing", "observed"])
@pytest.mark.parametrize("clips", [CLIPS, EQUAL], ids=["ragged", "equal"])
def test_values_and_gradients(variant: str, path: str, clips: list[list[int]]) -> None:
    model, x = build(**VARIANTS[variant]), regions(clips)
    region_ptr, frame_ptr = pointers(clips)
    if path == "fused":
        out = model(x, region_ptr, frame_ptr)
    elif path == "message passing":
        edges = {"spatial_edges": complete_edge_index(region_ptr), "temporal_edges": complete_edge_index(frame_ptr)}
        out = model(x, region_ptr, frame_ptr, **edges)
    else:
        out, spatial, temporal_attention = model.observe(x, region_ptr, frame_ptr)
        assert (len(spatial), len(temporal_attention)) == (len(model.spatial), len(model.temporal.blocks))
        for attention in (*spatial, *temporal_attention):
            total = torch.zeros(int(attention.edge_index.max()) + 1, 2, dtype=torch.double)
            total.index_add_(0, attention.edge_index[1], attention.weights)
            torch.testing.assert_close(total, torch.ones_like(total))
    expected = padded(model, x, clips)
    torch.testing.assert_close(out, expected)
    inputs = (x, *model.parameters())
    probe = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out).sin()
    mine = torch.autograd.grad((out * probe).sum(), inputs)
    for gradient, other in zip(mine, torch.autograd.grad((expected * probe).sum(), inputs), strict=True):
        torch.testing.assert_close(gradient, other)


def test_padding_never_leaks() -> None:
    """In float32, whatever stands in the padding of the other implementation."""
    model, x = build().float(), regions(CLIPS, torch.float32)
    out = model(x, *pointers(CLIPS))
    for fill in (0.0, 3.0):
        torch.testing.assert_close(out, padded(model, x, CLIPS, fill), atol=1e-5, rtol=0)


def test_equal_sizes_may_stand_side_by_side() -> None:
    for options in VARIANTS.values():
        model, x = build(**options), regions(EQUAL)
        dense = model(x.view(2, 2, 3, WIDTH))
        torch.testing.assert_close(dense.flatten(0, 1), model(x, *pointers(EQUAL)))


def test_a_batch_is_its_clips() -> None:
    model, x = build(), regions(CLIPS)
    together, begin, outs = model(x, *pointers(CLIPS)), 0, []
    for clip in CLIPS:
        outs.append(model(x[begin : begin + sum(clip)], *pointers([clip])))
        begin += sum(clip)
    torch.testing.assert_close(together, torch.cat(outs))


def changed(model: SpatioTemporalTransformer, clips: list[list[int]], frame: int) -> list[bool]:
    """Which frames of the result differ after the regions of one have changed."""
    x, (region_ptr, frame_ptr) = regions(clips).detach(), pointers(clips)
    before = model(x, region_ptr, frame_ptr)
    x[region_ptr[frame] : region_ptr[frame + 1]] += torch.randn(WIDTH, dtype=torch.double)
    return ((model(x, region_ptr, frame_ptr) - before).abs().amax(1) > 1e-9).tolist()


def test_frames_mix_within_a_clip_and_only_there() -> None:
    clips = [[2, 1], [3, 0, 2, 1]]
    assert changed(build(), clips, 4) == [False, False, True, True, True, True]
    alone = [False, False, False, False, True, False]
    assert changed(build(temporal=False), clips, 4) == alone
    assert changed(build(temporal_over="regions"), clips, 4) == alone  # the fault of the released code


def test_order_of_regions_and_frames() -> None:
    clips = [[3, 2, 4]]
    x, (region_ptr, frame_ptr) = regions(clips), pointers(clips)
    parts = list(x.split(clips[0]))
    within = torch.cat([part[torch.randperm(len(part))] for part in parts])
    turned = torch.cat(parts[::-1]), torch.tensor([0, 4, 6, 9]), frame_ptr
    for options in VARIANTS.values():
        model = build(**options)
        out = model(x, region_ptr, frame_ptr)
        torch.testing.assert_close(model(within, region_ptr, frame_ptr), out)
        equivariant = torch.allclose(model(*turned).flip(0), out, atol=1e-9)
        assert equivariant == (not has_positions(model)), options


def test_one_region_and_no_region() -> None:
    """One region attends to itself; a frame without regions starts from its position alone."""
    model = build(temporal=False, positions="none")
    assert torch.equal(model(regions([[0, 0]]), *pointers([[0, 0]])), torch.zeros(2, WIDTH, dtype=torch.double))
    x = regions([[1]])
    torch.testing.assert_close(model(x, *pointers([[1]])), padded(model, x, [[1]]))
    model = build(spatial=False)
    empty = model(regions([[0, 0]]), *pointers([[0, 0]]))
    assert torch.isfinite(empty).all()
    assert not torch.allclose(empty[0], empty[1])


def test_compiles_to_one_graph_and_runs_in_bfloat16() -> None:
    model, x = build(num_layers=1).float(), regions(CLIPS, torch.float32)
    expected = model(x, *pointers(CLIPS))
    out = torch.compile(model, fullgraph=True, backend="aot_eager")(x, *pointers(CLIPS))
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-4)
    inputs = (x, *model.parameters())
    for mine, other in zip(
        torch.autograd.grad(out.square().sum(), inputs),
        torch.autograd.grad(expected.square().sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, atol=1e-4, rtol=1e-3)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = model(x, *pointers(CLIPS))
        mixed.float().square().sum().backward()
    torch.testing.assert_close(mixed.float(), expected, atol=0.15, rtol=0.1)
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_dropout_only_in_training() -> None:
    model, x = build(dropout=0.5), regions(CLIPS)
    assert not torch.equal(model(x, *pointers(CLIPS)), model(x, *pointers(CLIPS)))
    model.eval()
    assert torch.equal(model(x, *pointers(CLIPS)), model(x, *pointers(CLIPS)))


def test_odd_widths_have_positions_too() -> None:
    model = SpatioTemporalTransformer(5, num_layers=1, heads=1)
    assert torch.isfinite(model(torch.randn(3, 5), torch.tensor([0, 2, 3]), torch.tensor([0, 2]))).all()


def test_wrong_inputs() -> None:
    model = build()
    x, (region_ptr, frame_ptr) = regions(CLIPS), pointers(CLIPS)
    with pytest.raises(DataError, match=r"SpatioTemporalTransformer: x: has shape \[14, 5\]"):
        model(x[:, :5], region_ptr, frame_ptr)
    with pytest.raises(DataError, match="frame_ptr: missing"):
        model(x, region_ptr)
    with pytest.raises(DataError, match="frame_ptr: ends at 3 for 8 frames"):
        model(x, region_ptr, frame_ptr[:2])
    with pytest.raises(DataError, match=r"x: has shape \[14, 8\]"):
        model(x)
    with pytest.raises(DataError, match="positions: is 'learned'"):
        build(positions="learned")
    with pytest.raises(DataError, match="temporal_over: is 'clips'"):
        build(temporal_over="clips")
    with pytest.raises(DataError, match="num_layers: is -1"):
        build(num_layers=-1)
