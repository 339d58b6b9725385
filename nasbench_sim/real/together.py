"""Many NAS-Bench-201 networks side by side: one tensor for all of them, one matrix product for equal layers.

A small network leaves a device waiting for its next instruction.  K networks that see the same batches are trained as
one: weights are stacked ``[K, ...]``, images lie as ``[K, C, n, h, w]``, a convolution is one batched matrix product
over the networks that have it.  Losses add up and no weight is shared, so each network is trained exactly as if it
were alone, up to the order of additions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from nasbench_sim.real.networks import nasbench201 as alone
from nasbench_sim.spaces.nasbench201 import CONV1, CONV3, EDGES, NONE, POOL, SKIP
from nasbench_sim.spaces.space import Codes


class Together(nn.Module):
    """K networks of one width and depth.

    Args:
        codes: ``[K, 6]``.
        nets: what ``networks.nasbench201.network`` made of them; their weights are taken over.
        width: channels of the first stage.
        cells: per stage.
    """

    def __init__(self, codes: Codes, nets: Sequence[nn.Module], width: int, cells: int) -> None:
        super().__init__()
        self.count = len(nets)
        parts = list(zip(*(list(net) for net in nets), strict=True))  # layer by layer
        self.stem, self.stem_norm = Convolution(parts[0]), Norm(parts[1])
        body: list[nn.Module] = []
        at = 2
        for stage in range(alone.STAGES):
            if stage:
                body.append(Reduction(parts[at]))
                at += 1
            for _ in range(cells):
                body.append(Cells(codes, parts[at]))
                at += 1
        self.body = nn.ModuleList(body)
        self.norm = Norm(parts[at])
        heads = [part.linear for part in parts[at + 2]]
        self.weight = nn.Parameter(torch.stack([head.weight.detach() for head in heads]))
        self.bias = nn.Parameter(torch.stack([head.bias.detach() for head in heads]))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[n, c, h, w]``, the same for all, to logits ``[K, n, classes]``."""
        shared = images.transpose(0, 1).unsqueeze(0).expand(self.count, -1, -1, -1, -1)
        found = self.stem_norm(self.stem(shared))
        for layer in self.body:
            found = layer(found)
        features = torch.relu(self.norm(found)).mean((3, 4)).transpose(1, 2)
        return torch.baddbmm(self.bias.unsqueeze(1), features, self.weight.transpose(1, 2))


class Convolution(nn.Module):
    """Convolutions without bias that are alike but for their weights, kernel 1 or 3, padding half the kernel."""

    def __init__(self, alike: Sequence[nn.Module]) -> None:
        super().__init__()
        self.kernel, self.stride = alike[0].kernel_size[0], alike[0].stride[0]
        self.weight = nn.Parameter(torch.stack([one.weight.detach().flatten(1) for one in alike]))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[K, c, n, h, w]`` to ``[K, c', n, h', w']``."""
        count, channels, n, height, width = images.shape
        step = self.stride
        if self.kernel == 1:
            patches = images[..., ::step, ::step]
        else:
            padded = nn.functional.pad(images, (1, 1, 1, 1))
            # Views of 3 x 3 around each pixel, [K, c, n, h', w', 3, 3], with the window behind its channel.
            patches = padded.unfold(3, 3, step).unfold(4, 3, step).permute(0, 1, 5, 6, 2, 3, 4)
        height, width = patches.shape[-2:]
        columns = patches.reshape(count, channels * self.kernel**2, n * height * width)
        return torch.bmm(self.weight, columns).view(count, -1, n, height, width)


class Norm(nn.Module):
    """Batch normalisations that are alike but for their weights and statistics."""

    def __init__(self, alike: Sequence[nn.Module]) -> None:
        super().__init__()
        self.momentum, self.epsilon = alike[0].momentum, alike[0].eps
        self.weight = nn.Parameter(torch.cat([one.weight.detach() for one in alike]))
        self.bias = nn.Parameter(torch.cat([one.bias.detach() for one in alike]))
        self.register_buffer("mean", torch.cat([one.running_mean for one in alike]))
        self.register_buffer("variance", torch.cat([one.running_var for one in alike]))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[K, c, n, h, w]`` to the same."""
        count, channels = images.shape[:2]
        # One image of K x c channels whose pixels are those of all n images.
        flat = images.reshape(1, count * channels, -1)
        found = nn.functional.batch_norm(
            flat, self.mean, self.variance, self.weight, self.bias, self.training, self.momentum, self.epsilon
        )
        return found.view(images.shape)


class ReluConvNorm(nn.Module):
    """As ``networks.blocks.relu_conv_bn``."""

    def __init__(self, alike: Sequence[nn.Module]) -> None:
        super().__init__()
        self.convolution = Convolution([one[1] for one in alike])
        self.norm = Norm([one[2] for one in alike])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[K, c, n, h, w]`` to ``[K, c', n, h', w']``."""
        return self.norm(self.convolution(torch.relu(images)))


class Reduction(nn.Module):
    """As ``networks.nasbench201.Reduction``."""

    def __init__(self, alike: Sequence[nn.Module]) -> None:
        super().__init__()
        self.first = ReluConvNorm([one.body[0] for one in alike])
        self.second = ReluConvNorm([one.body[1] for one in alike])
        self.shortcut = Convolution([one.shortcut[1] for one in alike])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[K, c, n, h, w]`` to ``[K, 2 c, n, ceil(h / 2), ceil(w / 2)]``."""
        halved = nn.functional.avg_pool2d(images.flatten(0, 1), 2, 2, ceil_mode=True)
        halved = halved.view(*images.shape[:2], *halved.shape[1:])
        return self.second(self.first(images)) + self.shortcut(halved)


class Cells(nn.Module):
    """The cells of K networks at one place.  All edges from one node with one operation are one layer.

    Edges from whose end no path leads to the output are left out: they compute what nobody reads.
    """

    def __init__(self, codes: Codes, alike: Sequence[nn.Module]) -> None:
        super().__init__()
        read = _read(codes)
        self.layers = nn.ModuleDict()
        self.plan: list[list[tuple[int, str]]] = [[], [], []]  # per source node: operation and name of its layer
        for source in range(3):
            for operation in (SKIP, CONV1, CONV3, POOL):
                pairs = [
                    (net, edge)
                    for edge, (start, _) in enumerate(EDGES)
                    if start == source
                    for net in np.flatnonzero((codes[:, edge] == operation) & read[:, edge]).tolist()
                ]
                if not pairs:
                    continue
                name = f"{source}_{operation}"
                self.plan[source].append((operation, name))
                nets = [net for net, _ in pairs]
                places = [(EDGES[edge][1] - 1) * len(codes) + net for net, edge in pairs]
                self.register_buffer(f"nets_{name}", torch.tensor(nets))
                self.register_buffer(f"places_{name}", torch.tensor(places))
                if operation in (CONV1, CONV3):
                    self.layers[name] = ReluConvNorm([alike[net].edges[str(edge)] for net, edge in pairs])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[K, c, n, h, w]`` to the same."""
        count = len(images)
        # Nodes 1 to 3 of all networks, one after the other.
        sums = images.new_zeros((3 * count, *images.shape[1:]))
        node = images
        for source in range(3):
            if source:
                node = sums[(source - 1) * count : source * count]
            for operation, name in self.plan[source]:
                taken = node.index_select(0, getattr(self, f"nets_{name}"))
                if operation == POOL:
                    pooled = nn.functional.avg_pool2d(taken.flatten(0, 1), 3, 1, 1, count_include_pad=False)
                    taken = pooled.view(taken.shape)
                elif operation != SKIP:
                    taken = self.layers[name](taken)
                sums.index_add_(0, getattr(self, f"places_{name}"), taken.to(sums.dtype))
        return sums[2 * count :]


def _read(codes: Codes) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """``bool[K, 6]``: which edges carry something that reaches the output, or could."""
    reaches = np.zeros((len(codes), 4), bool)
    reaches[:, 3] = True
    for edge in reversed(range(len(EDGES))):
        source, target = EDGES[edge]
        reaches[:, source] |= (codes[:, edge] != NONE) & reaches[:, target]
    return np.stack([(codes[:, edge] != NONE) & reaches[:, target] for edge, (_, target) in enumerate(EDGES)], axis=1)
