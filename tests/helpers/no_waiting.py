"""Tensors on the CPU, or on no device at all, in place of a GPU's: what would wait for a GPU is an error."""

from contextlib import contextmanager

import torch
from torch.utils._python_dispatch import TorchDispatchMode

import mamlrl.devices

aten = torch.ops.aten
WAITING = {  # for a number, or for how many there are
    aten._local_scalar_dense,
    aten.equal,
    aten.is_nonzero,
    aten.masked_select,
    aten.nonzero,
    aten.unique_consecutive,
    aten._unique2,
}
INDEXING = {aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_}


class NoWaiting(TorchDispatchMode):
    """Raises an AssertionError for operations that on a GPU would wait until it has done its work.

    Attributes:
        operations: Names of all operations so far: what a GPU would launch, views included.
    """

    def __init__(self):
        super().__init__()
        self.operations = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        packet = func.overloadpacket
        assert packet not in WAITING, f"{func} waits for the device"
        if packet in INDEXING:
            flags = [index for index in args[1] if index is not None and index.dtype == torch.bool]
            assert not flags, f"{func} with a boolean index waits for the number of elements"
        result = func(*args, **(kwargs or {}))
        if packet in (aten._to_copy, aten.copy_):
            devices = {each.device for each in (*args, result) if isinstance(each, torch.Tensor)}
            assert len(devices) == 1, f"{func} copies between {devices}"
        self.operations.append(str(func))
        return result


@contextmanager
def meta_device(monkeypatch):
    """Lets environments live on torch's device `meta`, whose tensors have no numbers to wait for."""
    with monkeypatch.context() as patch:
        patch.setattr(mamlrl.devices, "DEVICE_TYPES", (*mamlrl.devices.DEVICE_TYPES, "meta"))
        yield
