"""Small worked examples of the ops, by hand."""

from __future__ import annotations

import torch

from graphvtr.ops import gather_segment_reduce, local_match, local_match_weights, role_attention, segment_reduce


def test_segment_reduce_by_hand() -> None:
    x = torch.tensor([[1.0, -1.0], [3.0, -5.0], [7.0, 2.0]])
    ptr = torch.tensor([0, 2, 2, 3])
    assert segment_reduce(x, ptr).tolist() == [[4.0, -6.0], [0.0, 0.0], [7.0, 2.0]]
    assert segment_reduce(x, ptr, "max").tolist() == [[3.0, -1.0], [0.0, 0.0], [7.0, 2.0]]
    assert segment_reduce(x, ptr, "min").tolist() == [[1.0, -5.0], [0.0, 0.0], [7.0, 2.0]]


def test_gather_segment_reduce_is_a_sparse_product() -> None:
    x, weight = torch.randn(4, 3), torch.randn(5)
    index, ptr = torch.tensor([3, 0, 0, 2, 1]), torch.tensor([0, 3, 3, 5])
    matrix = torch.zeros(3, 4)
    matrix[0, 3], matrix[0, 0], matrix[2, 2], matrix[2, 1] = weight[0], weight[1] + weight[2], weight[3], weight[4]
    torch.testing.assert_close(gather_segment_reduce(x, index, ptr, "sum", weight), matrix @ x)


def test_role_attention_without_roles_is_masked_attention() -> None:
    x = torch.randn(4, 8)
    ptr, col = torch.tensor([0, 2, 3, 3, 6]), torch.tensor([1, 3, 2, 0, 1, 2])
    mask = torch.zeros(4, 4, dtype=torch.bool)
    mask[torch.repeat_interleave(ptr.diff()), col] = True
    dense = torch.softmax((x @ x.T / 8**0.5).masked_fill(~mask, -torch.inf), -1).nan_to_num() @ x
    out, weights = role_attention(x, x, x, ptr, col, return_weights=True)
    torch.testing.assert_close(out, dense)
    assert weights.shape == (6,)


def test_local_match_scores_equal_matched_weights() -> None:
    nodes, frames = torch.randn(3, 8), torch.randn(5, 8)
    weights = local_match_weights(nodes, frames)
    similarity = torch.nn.functional.cosine_similarity(nodes[:, None], frames[None], dim=-1)
    whole = local_match(nodes, torch.tensor([0, 3, 3]), frames, torch.tensor([0, 5]))
    torch.testing.assert_close(whole, torch.stack([(weights * similarity).sum(), torch.tensor(0.0)])[None])
