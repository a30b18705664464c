"""Choices by name: the implementations that a setting can name, from this package and from anybody's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Generic, TypeVar

from jsonargparse.typing import extend_base_type

from mamlrl.errors import UserError, suggestion

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Implementations by name.

    A name may be `module:name`: the module is imported first, and registers the rest. So a config can name what
    somebody else's package provides.

    Args:
        noun: What the implementations are called in messages.
        entries: The first implementations, by name.

    Example:
        >>> shapes = Registry("shape", {"circle": 3.14})
        >>> shapes.register("square", 4.0)
        >>> shapes["square"], list(shapes)
        (4.0, ['circle', 'square'])
    """

    def __init__(self, noun: str, entries: Mapping[str, T] | None = None) -> None:
        self.noun = noun
        self._entries = dict(entries or {})

    def register(self, name: str, entry: T) -> None:
        """Adds an implementation.

        Raises:
            ValueError: If the name is taken by another one, or has a colon.
        """
        if ":" in name or self._entries.get(name, entry) is not entry:
            raise ValueError(f"cannot register the {self.noun} {name!r}: the name is taken, or has a colon")
        self._entries[name] = entry

    def find(self, name: str) -> T:
        """Returns an implementation.

        Raises:
            ValueError: If there is no implementation of that name; the message suggests the nearest one.
        """
        module, colon, last = str(name).rpartition(":")
        if colon:
            try:
                import_module(module)
            except (ModuleNotFoundError, TypeError, ValueError) as error:  # none such, relative, or empty
                raise ValueError(f"{name} cannot be imported ({error}); put its folder on PYTHONPATH") from error
        if last not in self._entries:
            raise ValueError(f"must be one of {', '.join(self)}, got {name}{suggestion(last, list(self))}")
        return self._entries[last]

    def choose(self, key: str, name: str) -> T:
        """Returns the implementation that a setting names.

        Args:
            key: The setting.
            name: Value of the setting.

        Raises:
            UserError: If there is no implementation of that name.
        """
        try:
            return self.find(name)
        except ValueError as error:
            raise UserError(f"{key} {error}") from error

    def name_type(self, name: str) -> Any:
        """Returns a type of strings that name an implementation, for the fields of settings.

        Args:
            name: Name of the type.
        """

        def check(cls: type, value: object) -> None:
            if not isinstance(value, str):
                raise ValueError(f"must be one of {', '.join(self)}, got {value!r}")
            self.find(value)

        return extend_base_type(name, str, check, extra_attrs={"registry": self})

    def __getitem__(self, name: str) -> T:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
