"""What the ops are measured against: the same results by PyG's path, by padding, by the formula as printed."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import scatter, softmax


def pyg_role_attention(
    q: Tensor, k: Tensor, v: Tensor, weight: Tensor | None, ptr: Tensor, row: Tensor, col: Tensor, role: Tensor
) -> Tensor:
    """Gather, multiply, ``softmax``, modulate, ``scatter``: PyG's functional path."""
    score = (q[row] * k[col]).sum(-1) / q.size(-1) ** 0.5
    message = v[col] if weight is None else v[col] * weight[role]
    return scatter(softmax(score, ptr=ptr).unsqueeze(-1) * message, row, dim=0, dim_size=q.size(0), reduce="sum")


class RoleMessagePassing(MessagePassing):
    """The same as a layer of PyG: ``edge_updater`` for the weights, ``propagate`` for the sum."""

    def __init__(self) -> None:
        super().__init__(aggr="add", node_dim=0)

    def forward(
        self, q: Tensor, k: Tensor, v: Tensor, weight: Tensor | None, edge_index: Tensor, role: Tensor
    ) -> Tensor:
        alpha = self.edge_updater(edge_index, q=(k, q), k=(k, q), size=(v.size(0), q.size(0)))
        kind = None if weight is None else weight[role]
        return self.propagate(edge_index, v=(v, q), alpha=alpha, kind=kind, size=(v.size(0), q.size(0)))

    def edge_update(self, q_i: Tensor, k_j: Tensor, index: Tensor, size_i: int | None) -> Tensor:
        return softmax((q_i * k_j).sum(-1) / q_i.size(-1) ** 0.5, index, num_nodes=size_i)

    def message(self, v_j: Tensor, alpha: Tensor, kind: Tensor | None) -> Tensor:
        return alpha.unsqueeze(-1) * (v_j if kind is None else v_j * kind)


class Padding:
    """Rows of segments as dense batches: [R, ...] to [S, most, ...] and back."""

    def __init__(self, ptr: Tensor) -> None:
        count = ptr.diff()
        self.most, self.segments = int(count.max()), count.numel()
        owner = torch.repeat_interleave(count)
        self.place = owner * self.most + torch.arange(owner.numel(), device=ptr.device) - ptr[owner]
        self.mask = torch.arange(self.most, device=ptr.device) < count[:, None]  # [S, most]

    def pad(self, x: Tensor) -> Tensor:
        dense = x.new_zeros(self.segments * self.most, *x.shape[1:]).index_copy(0, self.place, x)
        return dense.view(self.segments, self.most, *x.shape[1:])

    def unpad(self, dense: Tensor) -> Tensor:
        return dense.flatten(0, 1).index_select(0, self.place)


class DenseRoleAttention:
    """Every graph padded to the largest: SDPA with the edges as a mask, or one product a role."""

    def __init__(self, node_ptr: Tensor, row: Tensor, col: Tensor, role: Tensor, roles: int) -> None:
        self.padding = Padding(node_ptr)
        most = self.padding.most
        graph, place = self.padding.place[row] // most, self.padding.place
        self.adjacency = torch.zeros(self.padding.segments, most, most, dtype=torch.bool, device=row.device)
        self.adjacency[graph, place[row] % most, place[col] % most] = True
        self.role = torch.zeros(self.adjacency.shape, dtype=torch.long, device=row.device)
        self.role[graph, place[row] % most, place[col] % most] = role
        self.roles = roles
        self.alone = ~self.adjacency.any(-1, keepdim=True)

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, weight: Tensor | None = None) -> Tensor:
        q, k, v = (self.padding.pad(x) for x in (q, k, v))
        if weight is None:
            mask = self.adjacency | self.alone  # a row without edges attends anything, and is dropped
            out = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None], attn_mask=mask[:, None])[:, 0]
            return self.padding.unpad(out.masked_fill(self.alone, 0.0))
        score = (q @ k.mT / q.size(-1) ** 0.5).masked_fill(~self.adjacency, -torch.inf).masked_fill(self.alone, 0.0)
        attention = score.softmax(-1).masked_fill(~self.adjacency, 0.0)
        out = torch.zeros_like(v)
        for kind in range(self.roles):
            out = out + (attention * (self.role == kind)) @ (v * weight[kind])
        return self.padding.unpad(out)


def direct_match(nodes: Tensor, mask: Tensor, frames: Tensor, temperature: float, fusion: str) -> Tensor:
    """HGR's match as printed: captions padded to [Nt, n, D], videos [Nv, T, D], attended frames built for all pairs."""
    unit_frames, unit_nodes = F.normalize(frames, dim=-1), F.normalize(nodes, dim=-1)
    similarity = torch.einsum("vtd,cnd->vctn", unit_frames, unit_nodes)
    clipped = similarity.relu()
    attention = torch.softmax(temperature * clipped / (clipped.norm(dim=2, keepdim=True) + 1e-10), dim=2)
    if fusion == "sim":
        score = (attention * similarity).sum(2)
    else:
        attended = torch.einsum("vctn,vtd->vcnd", attention, frames)
        score = torch.einsum("vcnd,cnd->vcn", F.normalize(attended, dim=-1), unit_nodes)
    return (score * mask).sum(-1)


def direct_match_in_blocks(
    nodes: Tensor, mask: Tensor, frames: Tensor, temperature: float, fusion: str, videos: int, upstream: Tensor | None
) -> Tensor:
    """The same a block of videos at a time; with ``upstream``, gradients of every block are added up as they come."""
    scores = []
    for begin in range(0, frames.size(0), videos):
        part = slice(begin, begin + videos)
        score = direct_match(nodes, mask, frames[part], temperature, fusion)
        if upstream is not None:
            torch.autograd.backward(score, upstream[part])
        scores.append(score.detach())
    return torch.cat(scores)


def dense_walk(phi: Tensor, theta: Tensor, x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Random walk with exponential weights on padded graphs [B, n, .], by autograd."""
    half = torch.bmm(phi, theta.mT)
    logits = half + half.mT
    if mask is None:
        return torch.bmm(logits.softmax(-1), x)
    lowest = torch.finfo(logits.dtype).min
    return torch.bmm(logits.masked_fill(~mask[:, None, :], lowest).softmax(-1), x)


def pyg_walk(phi: Tensor, theta: Tensor, x: Tensor, ptr: Tensor, row: Tensor, col: Tensor) -> Tensor:
    """The same over the edges of the complete graphs."""
    logits = (phi[row] * theta[col]).sum(-1) + (theta[row] * phi[col]).sum(-1)
    weight = softmax(logits, ptr=ptr)
    return scatter(weight.unsqueeze(-1) * x[col], row, dim=0, dim_size=x.size(0), reduce="sum")


def padded_attention(q: Tensor, k: Tensor, v: Tensor, padding: Padding) -> Tensor:
    """SDPA over padded segments with a mask of keys; [R, H, D]."""
    q, k, v = (padding.pad(x).transpose(1, 2) for x in (q, k, v))
    return padding.unpad(F.scaled_dot_product_attention(q, k, v, padding.mask[:, None, None, :]).transpose(1, 2))


def pyg_attention(q: Tensor, k: Tensor, v: Tensor, ptr: Tensor, row: Tensor, col: Tensor) -> Tensor:
    """The same over the edges of the complete graphs."""
    score = (q[row] * k[col]).sum(-1) / q.size(-1) ** 0.5
    weight = softmax(score, ptr=ptr)
    return scatter(weight.unsqueeze(-1) * v[col], row, dim=0, dim_size=q.size(0), reduce="sum")


def transforms_of_pairs(v: Tensor, t: Tensor, w: Tensor) -> Tensor:
    """Circular correlation of every pair by transforms, then the linear layer."""
    pairs = torch.fft.rfft(v)[:, None].conj() * torch.fft.rfft(t)[None]
    return torch.fft.irfft(pairs, n=v.size(1)) @ w
