"""Policies from PyTorch modules: any `torch.nn.Module` as a function of one parameter vector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from math import log
from threading import RLock, get_ident

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from mamlrl.errors import UserError
from mamlrl.networks.autograd_linearization import AutogradNetwork
from mamlrl.networks.checks import check_policy, explained
from mamlrl.networks.distribution import Distribution

TRAINED_OTHERWISE = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._NormBase)
_GLOBAL_RANDOMNESS = RLock()


class ModulePolicy(AutogradNetwork):
    """A policy whose outputs a `torch.nn.Module` computes.

    The module maps observations, shape (sample, D), to all parameters of the distribution, shape
    (sample, distribution.output_size); or, of shape (sample, distribution.head_size), to the means of a Gaussian
    alone, whose log standard deviations are then free parameters, as the MLP's are.

    What is learned is its parameters that require gradients. Other parameters, and buffers, stay as they are, and
    are not in checkpoints. The module is copied; its forward pass must depend on parameters and inputs alone, one
    sample at a time, and be differentiable twice.

    Args:
        module: The module; dropout and normalisation by batches must be in evaluation mode.
        observation_size: Number of observation features D.
        distribution: Distribution that the outputs parametrise.
        initial_std: Initial standard deviation of a Gaussian.
        min_std: Floor under the standard deviation of a Gaussian.
        make: Makes the module anew, to draw initial parameters; without it, they are those that the module has.

    Raises:
        UserError: If the module cannot be a policy; the message says why.

    Example:
        >>> from mamlrl.networks.gaussian import DiagonalGaussian
        >>> module = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Tanh(), nn.Linear(8, 2))
        >>> ModulePolicy(module, 4, DiagonalGaussian(2)).num_parameters  # 40 + 16 + 18 + 2
        76
    """

    def __init__(
        self,
        module: nn.Module,
        observation_size: int,
        distribution: Distribution,
        initial_std: float = 1.0,
        min_std: float = 1e-6,
        make: Callable[[], nn.Module] | None = None,
    ) -> None:
        self.distribution = distribution
        self.observation_size = observation_size
        self.name = f"policy {type(module).__name__}"
        with explained(self.name, "cannot be copied"):
            self._module = deepcopy(module)
        self._copies: dict[int, nn.Module] = {}  # by thread: evaluating a module puts parameters into it
        self._make = make
        self._initial_log_std, self._min_log_std = log(initial_std), log(min_std)
        self._learned = _learned(self._module)
        self._check_module()
        self._shapes = self._named_shapes()
        check_policy(self, observation_size)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """See `Policy.shapes`; every module that has parameters of its own is a layer."""
        return self._shapes

    def init(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
        """Returns the parameters of the module, or of one made anew with randomness from the generator."""
        module = self._module
        if self._make is not None:
            seed = torch.randint(2**62, (), generator=generator, device=generator.device)
            with seeded(int(seed)):
                module = self._make()
        tensors = [tensor.detach().flatten() for tensor in _learned(module).values()]
        if "log_std" in self.shapes:
            tensors.append(torch.full((self.distribution.head_size,), self._initial_log_std))
        params = torch.cat([tensor.to(generator.device, dtype) for tensor in tensors])
        if len(params) != self.num_parameters:
            raise UserError(f"{self.name} has other parameters whenever it is made")
        return params

    def bind(self, params: Tensor) -> Callable[[Tensor], Tensor]:
        """See `Policy.bind`."""
        tensors = list(self.unflatten(params).values())
        log_std = tensors.pop() if "log_std" in self.shapes else None
        learned = dict(zip(self._learned, tensors, strict=True))
        fixed = _fixed(self._module, params)

        def call(learned: dict[str, Tensor], inputs: Tensor) -> Tensor:
            outputs: Tensor = functional_call(self._of_this_thread(), {**fixed, **learned}, (inputs,))
            return outputs

        function = call if params.dim() == 1 else vmap(call)

        def evaluate(observations: Tensor) -> Tensor:
            inputs = observations.reshape(*params.shape[:-1], -1, self.observation_size)
            outputs = function(learned, inputs)
            if log_std is not None:
                floored = log_std.clamp(min=self._min_log_std)
                outputs = torch.cat([outputs, floored.expand_as(outputs)], dim=-1)
            return outputs.reshape(*observations.shape[:-1], -1)

        return evaluate

    def _of_this_thread(self) -> nn.Module:
        thread = get_ident()
        if thread not in self._copies:
            self._copies[thread] = deepcopy(self._module)
        return self._copies[thread]

    def _check_module(self) -> None:
        """Raises a UserError for what can be said before the module is evaluated."""
        if not self._learned:
            raise UserError(f"{self.name} has no parameters that require gradients: there is nothing to learn")
        for layer in self._module.modules():
            if layer.training and isinstance(layer, TRAINED_OTHERWISE):
                raise UserError(
                    f"{self.name} has {type(layer).__name__} in training mode, in which it is random, or depends "
                    "on other samples; call its eval() before"
                )

    def _named_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by `layerN.tensor`, the form of names by which adaptation chooses tensors."""
        layers = list(dict.fromkeys(name.rpartition(".")[0] for name in self._learned))
        shapes = {}
        for name, tensor in self._learned.items():
            layer, _, last = name.rpartition(".")
            shapes[f"layer{layers.index(layer)}.{last}"] = tuple(tensor.shape)
        head = self.distribution.head_size
        if self._num_outputs() == head < self.distribution.output_size:
            shapes["log_std"] = (1, head)
        return shapes

    def _num_outputs(self) -> int:
        with explained(self.name, "cannot be evaluated"):
            outputs = self._module.float()(torch.zeros(1, self.observation_size))
        allowed = sorted({self.distribution.head_size, self.distribution.output_size})
        shape = tuple(getattr(outputs, "shape", ()))
        if len(shape) != 2 or shape[0] != 1 or shape[1] not in allowed:
            sizes = " or ".join(f"(sample, {size})" for size in allowed)
            raise UserError(
                f"{self.name} maps observations of shape (1, {self.observation_size}) to "
                f"{shape or type(outputs).__name__}; its outputs must have shape {sizes}"
            )
        return shape[1]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """PyTorch's global randomness on the CPU begins at a seed in the block, and is as before after it.

    Runs in several threads take turns, since they have it in common.
    """
    with _GLOBAL_RANDOMNESS, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def _learned(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in module.named_parameters() if tensor.requires_grad}


def _fixed(module: nn.Module, params: Tensor) -> dict[str, Tensor]:
    """Buffers and parameters that are not learned, on the device of the learned ones, and of their type."""
    frozen = {name: tensor for name, tensor in module.named_parameters() if not tensor.requires_grad}
    return {
        name: tensor.to(params if tensor.is_floating_point() else params.device)
        for name, tensor in {**frozen, **dict(module.named_buffers())}.items()
    }
