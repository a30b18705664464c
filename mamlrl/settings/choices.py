"""Choices by name: the implementations that a setting can name, from this package and from anybody's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Generic, TypeVar
from zlib import crc32

from jsonargparse.typing import extend_base_type

from mamlrl.errors import FOREIGN_ERRORS, UserError, one_line, suggestion

T = TypeVar("T")

SHOWN = 80  # characters of a value in a message
OBJECT = "object "  # how a text begins that stands for an object in a file


class Registry(Mapping[str, T], Generic[T]):
    """Implementations by name.

    A name may be `module:name`: the module is imported first, and registers the rest. So a config can name what
    somebody else's package provides.

    With a contract, entries are instances of it, or functions that make them. In Python, a setting then takes
    such an object in place of a name; files hold a text that stands for it, see `object_text`.

    Args:
        noun: What the implementations are called in messages.
        entries: The first implementations, by name.
        contract: Classes that the implementations are instances of; empty for registries of other things.

    Example:
        >>> shapes = Registry("shape", {"circle": 3.14})
        >>> shapes.register("square", 4.0)
        >>> shapes["square"], list(shapes)
        (4.0, ['circle', 'square'])
    """

    def __init__(self, noun: str, entries: Mapping[str, T] | None = None, contract: tuple[type, ...] = ()) -> None:
        self.noun = noun
        self.contract = contract
        self._entries = dict(entries or {})

    def register(self, name: str, entry: Any) -> None:
        """Adds an implementation.

        Raises:
            ValueError: If the name is taken by another one, no text, or has a colon; or, with a contract, if the
                implementation neither is an instance of it nor a function.
        """
        failure = f"cannot register the {self.noun} {name!r}"
        if self.contract and not self.takes(entry):
            needed = f"it must be {self._wanted}, or a function that makes one"
            raise ValueError(f"{failure}: {needed}, got {shown(entry)}")
        usable = isinstance(name, str) and name and ":" not in name and not name.startswith(OBJECT)
        if not usable or self._entries.get(name, entry) is not entry:
            raise ValueError(f"{failure}: the name is taken, no text, or has a colon")
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

    def choose(self, key: str, value: Any) -> T:
        """Returns the implementation that a setting names, or holds.

        Args:
            key: The setting.
            value: Value of the setting.

        Raises:
            UserError: If there is no implementation of that name, or the text stands for an object.
        """
        if isinstance(value, str) and value.startswith(OBJECT):
            raise UserError(f"{key} {lost(value)}")
        try:
            entry: Any = value if self.contract and not isinstance(value, str) else self.find(value)
        except ValueError as error:
            raise UserError(f"{key} {error}") from error
        return self._maker(f"{key} {named(value)}", entry)

    def _maker(self, name: str, entry: Any) -> Any:
        """Returns a function that makes an instance of the contract, or says in one line why it cannot."""
        if not self.contract:
            return entry

        def make(*arguments: Any) -> Any:
            try:
                made = entry if isinstance(entry, self.contract) else entry(*arguments)
            except (UserError, MemoryError):
                raise
            except FOREIGN_ERRORS as error:
                raise UserError(f"{name} raised {one_line(error)}") from error
            if not isinstance(made, self.contract):
                raise UserError(f"{name} made a {type(made).__name__}; it must make {self._wanted}")
            return made

        return make

    def takes(self, value: Any) -> bool:
        """Returns whether a value may take the place of a name: an instance of the contract, or a function."""
        return bool(self.contract) and (isinstance(value, self.contract) or callable(value))

    def check(self, value: Any) -> None:
        """Raises a ValueError if a value is neither a name nor what the setting takes in its place."""
        if isinstance(value, str):
            if not (self.contract and value.startswith(OBJECT)):  # its object may be given later
                self.find(value)
        elif not self.takes(value):
            others = f"; in Python also {self._wanted}, or a function that makes one" if self.contract else ""
            raise ValueError(f"must be one of {', '.join(self)}, got {shown(value)}{others}")

    @property
    def _wanted(self) -> str:
        return " or ".join(f"an instance of {each.__name__}" for each in self.contract)

    def name_type(self, name: str) -> Any:
        """Returns a type of strings that name an implementation, for the fields of settings.

        Args:
            name: Name of the type.
        """

        def check(cls: type, value: object) -> None:
            if not isinstance(value, str):  # in a file
                raise ValueError(f"must be one of {', '.join(self)}, got {value!r}")
            self.check(value)

        return extend_base_type(name, str, check, extra_attrs={"registry": self})

    def __getitem__(self, name: str) -> T:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def text_or_object(name: str, contract: type) -> Any:
    """Returns a type of texts, for the fields of settings that take, in Python, an object in place of a text.

    Args:
        name: Name of the type.
        contract: Class of the objects; a function that makes one will do, too.
    """

    def check(cls: type, value: object) -> None:
        if not isinstance(value, str) or value == "null":  # in a file, or of a command line
            raise ValueError(f"must be text, got {value if value == 'null' else repr(value)}")

    return extend_base_type(name, str, check, extra_attrs={"contract": contract})


def object_text(value: Any) -> str:
    """Returns the text that stands for an object in a file: where its class, or the function, is defined.

    That of a module of PyTorch has a checksum of buffers and other values that are not learned, if it has any.
    """
    defined = value if hasattr(value, "__qualname__") else type(value)
    text = f"{OBJECT}{defined.__module__}.{defined.__qualname__}"
    if defined is value or not hasattr(value, "named_buffers"):
        return text
    fixed = [each for each in value.named_parameters() if not each[1].requires_grad]
    fixed = [(name, tensor.tolist()) for name, tensor in (*fixed, *value.named_buffers())]
    return f"{text} with fixed values {crc32(repr(fixed).encode()):08x}" if fixed else text


def named(value: Any) -> str:
    """Returns a name, or the text that stands for an object, for messages."""
    return value if isinstance(value, str) else object_text(value)


def lost(text: str) -> str:
    """Says that an object is missing that a text stands for."""
    return (
        f"was given as an object, {text.removeprefix(OBJECT)}, which no file can hold; give it again in Python "
        "(`objects=`), or name one that is registered"
    )


def shown(value: Any) -> str:
    """Returns a value as a message shows it: on one line, and not long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
