"""Paths of attributes, such as `model.opt.gravity[2]`: read, set, and refused with the nearest name."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from mamlrl.envs.adapter.distributions import kind_of
from mamlrl.errors import FOREIGN_ERRORS, one_line, suggestion

_PART = re.compile(r"([A-Za-z_]\w*)((?:\[\d+\])*)")


class AttributePath:
    """A path of attributes, whose last may be an element of an array.

    Args:
        text: The path, with indices in brackets: `gravity`, `model.body_mass[1]`, `model.geom_friction[0][2]`.

    Raises:
        ValueError: If it is not one.
    """

    def __init__(self, text: str) -> None:
        parts = [_PART.fullmatch(part) for part in text.split(".")]
        if not all(parts):
            raise ValueError(f"must be a path of attributes, such as model.body_mass[1], got {text!r}")
        self.text = text
        self._names = [part[1] for part in parts if part]
        indices = [part[2] for part in parts if part]
        if any(indices[:-1]):
            raise ValueError(f"only the last attribute of {text} may have an index")
        self._index = tuple(int(index) for index in re.findall(r"\d+", indices[-1]))

    def owner(self, root: Any) -> Any:
        """Returns the object that has the last attribute.

        Raises:
            ValueError: If an attribute does not exist; the message suggests the nearest name.
        """
        for depth, name in enumerate(self._names):
            if not hasattr(root, name):
                names = [each for each in dir(root) if not each.startswith("__")]
                prefix = "".join(f"{each}." for each in self._names[:depth])
                nearest = suggestion(name, names).replace("mean ", f"mean {prefix}")
                raise ValueError(f"the environment has no attribute {prefix}{name}{nearest}")
            if depth < len(self._names) - 1:
                root = getattr(root, name)
        return root

    def get(self, root: Any) -> Any:
        """Returns a copy of the value.

        Raises:
            ValueError: If an attribute does not exist, or the array has no such element.
        """
        value = getattr(self.owner(root), self._names[-1])
        if not self._index:
            return np.array(value) if isinstance(value, np.ndarray) else value
        shape = np.shape(value)
        if len(self._index) > len(shape) or any(i >= size for i, size in zip(self._index, shape, strict=False)):
            whole = self.text.partition("[")[0]
            raise ValueError(f"the environment has no {self.text}: {whole} is {_article(kind_of(value))}")
        element = np.asarray(value)[self._index]
        return np.array(element) if np.ndim(element) else element.item()

    def set(self, root: Any, value: Any) -> None:
        """Sets the value; arrays are replaced, not written into, since others may share them.

        Raises:
            ValueError: If it cannot be set.
        """
        owner, name = self.owner(root), self._names[-1]
        try:
            if self._index:
                whole = np.array(getattr(owner, name))
                whole[self._index] = value
                value = whole
            setattr(owner, name, value)
        except FOREIGN_ERRORS as error:
            raise ValueError(f"the attribute {self.text} cannot be set ({one_line(error)})") from error

    def models(self, root: Any) -> list[Any]:
        """Returns the models of MuJoCo on the way to the last attribute."""
        passed = [root]
        for name in self._names[:-1]:
            passed.append(getattr(passed[-1], name))
        return [each for each in passed if type(each).__name__ == "MjModel"]


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
