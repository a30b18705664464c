"""Ways to spoil a checkpoint; each returns, or is, a function of its path."""

import pickle

import torch


def rewritten(**values):
    """Changes the content of a checkpoint; None leaves a part out."""

    def change(path):
        content = {**torch.load(path, weights_only=True), **values}
        torch.save({name: value for name, value in content.items() if value is not None}, path)

    return change


def with_config(**values):
    def change(path):
        rewritten(config={**torch.load(path, weights_only=True)["config"], **values})(path)

    return change


def with_state(**values):
    def change(path):
        state = {**torch.load(path, weights_only=True)["state"], **values}
        rewritten(state={name: value for name, value in state.items() if value is not None})(path)

    return change


def cut(*, keep=None, drop=None):
    def change(path):
        data = path.read_bytes()
        path.write_bytes(data[: keep if drop is None else len(data) - drop])

    return change


def holding(data):
    return lambda path: path.write_bytes(data)


class Malicious:
    """Creates a file when it is unpickled."""

    def __reduce__(self):
        return open, ("created.txt", "w")


def malicious_pickle(protocol):
    return lambda path: path.write_bytes(pickle.dumps(Malicious(), protocol))


def malicious_archive(path):
    torch.save({"format": "mamlrl checkpoint", "format_version": 1, "state": Malicious()}, path)


def malicious_old_archive(path):
    content = {"format": "mamlrl checkpoint", "format_version": 1, "state": Malicious()}
    torch.save(content, path, _use_new_zipfile_serialization=False)


def flipped(path):
    """Flips a bit in the parameters."""
    data = bytearray(path.read_bytes())
    data[data.index(torch.load(path, weights_only=True)["state"]["params"].numpy().tobytes()) + 20] ^= 4
    path.write_bytes(data)
