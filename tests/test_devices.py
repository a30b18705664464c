import pytest
import torch

from mamlrl.devices import make_device
from mamlrl.errors import UserError


def test_devices():
    assert make_device("cpu") == torch.device("cpu")
    for name in ("cuda:99", "no such device"):
        with pytest.raises(UserError, match=f"device: there is no {name} here; there are: cpu"):
            make_device(name)
