import pytest
import torch

from mamlrl.devices import make_device, missing_compiler
from mamlrl.errors import UserError


def test_devices():
    assert make_device("cpu") == torch.device("cpu")
    for name in ("cuda:99", "no such device"):
        with pytest.raises(UserError, match=f"device: there is no {name} here; there are: cpu"):
            make_device(name)


@pytest.mark.parametrize(("precision", "tf32"), [("highest", False), ("high", True), ("medium", True)])
def test_precision_is_that_of_pytorch_and_single_by_default(precision, tf32):
    try:
        make_device("cpu", precision)
        assert torch.get_float32_matmul_precision() == precision
        assert torch.backends.cudnn.allow_tf32 == tf32
    finally:
        make_device("cpu")
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.backends.cudnn.allow_tf32


def test_a_compiler_is_missed_on_the_cpu_alone(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert missing_compiler(torch.device("cpu")) == "no-such-compiler"
    assert missing_compiler(torch.device("cuda")) is None
    monkeypatch.setenv("CXX", "sh")  # something that is there
    assert missing_compiler(torch.device("cpu")) is None
