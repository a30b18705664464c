"""Heads of networks for images: tensors whose shapes depend on the number of classes, and their replacement."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from math import prod
from typing import Self

import torch
from torch import Tensor

from mamlrl.errors import UserError
from mamlrl.networks.images import ImageInterface, NetworkConfig
from mamlrl.networks.network import Network
from mamlrl.settings.choices import named


@dataclass(frozen=True)
class TwoHeads:
    """A network for tasks of a few classes, and one for all classes, which differ in their heads alone.

    Attributes:
        few: The network for the classes of a task, with P parameters.
        many: The network for all classes, with Q parameters.
        head: Names of the tensors that are their heads, which are H numbers of the parameters for all classes.

    Example:
        >>> interface = ImageInterface((1, 28, 28), 5, "stride")
        >>> heads = TwoHeads.of(interface, NetworkConfig(hidden_sizes=(4, 3), activation="relu"), 20)
        >>> sorted(heads.head)
        ['layer2.bias', 'layer2.weight']
    """

    few: Network
    many: Network
    head: frozenset[str]

    @classmethod
    def of(cls, interface: ImageInterface, config: NetworkConfig, num_classes: int) -> Self:
        """Builds both networks, and finds their heads by the shapes that a further class changes.

        Args:
            interface: What networks take from the data, for the classes of a task.
            config: The network.
            num_classes: Number of all classes.

        Raises:
            UserError: If no tensor, or every one, depends on the number of classes, or networks have no tensors in
                common.
        """
        few, many, more = (
            replace(interface, ways=ways).make_network(config)
            for ways in (interface.ways, num_classes, num_classes + 1)
        )
        head = frozenset(name for name, shape in many.shapes.items() if more.shapes.get(name) != shape)
        body = {name: shape for name, shape in many.shapes.items() if name not in head}
        if not head or not body or few.shapes.keys() != many.shapes.keys() or body.items() - few.shapes.items():
            found = "has no head" if not head else "has nothing but its head" if not body else "has no fixed body"
            raise UserError(
                f"network.images: {named(config.images)} {found}: a classifier of all classes needs tensors that "
                "depend on the number of classes, to be replaced, and others that do not, to be kept"
            )
        return cls(few, many, head)

    def for_many(self, params: Tensor, head: Tensor) -> Tensor:
        """Returns parameters for all classes, shape (Q,).

        Args:
            params: Parameters for the classes of a task, whose body is taken, shape (P,).
            head: Head for all classes, shape (H,).
        """
        shapes = {name: shape for name, shape in self.many.shapes.items() if name in self.head}
        pieces = head.split([prod(shape) for shape in shapes.values()])
        tensors = self.few.unflatten(params) | dict(zip(shapes, pieces, strict=True))
        return _flat(tensors, self.many.shapes)

    def for_few(self, params: Tensor, head: Tensor) -> Tensor:
        """Returns parameters for the classes of a task, shape (P,).

        Args:
            params: Parameters for all classes, whose body is taken, shape (Q,).
            head: Parameters for the classes of a task, whose head is taken, shape (P,).
        """
        bodies, heads = self.many.unflatten(params), self.few.unflatten(head)
        return _flat(bodies | {name: heads[name] for name in self.head}, self.few.shapes)

    def head_of(self, params: Tensor) -> Tensor:
        """Returns the head of parameters for all classes, shape (Q,), as one vector, shape (H,)."""
        return _flat(self.many.unflatten(params), [name for name in self.many.shapes if name in self.head])

    def without_head(self, params: Tensor) -> Tensor:
        """Returns parameters for the classes of a task, shape (P,), with a head of zeros."""
        tensors = self.few.unflatten(params)
        return _flat(tensors | {name: torch.zeros_like(tensors[name]) for name in self.head}, self.few.shapes)


def _flat(tensors: dict[str, Tensor], names: Collection[str]) -> Tensor:
    return torch.cat([tensors[name].flatten() for name in names])
