"""What can be filmed, by kind of experiment."""

from collections.abc import Callable
from typing import Any

from mamlrl.figures.film import VideoConfig, film_adaptation
from mamlrl.files import AnyPath
from mamlrl.settings.choices import Registry

# (experiment of the kind, what evaluates it, what to show, file to write) -> None
FILMS: Registry[Callable[[Any, Callable[[], Any], VideoConfig, AnyPath], None]] = Registry(
    "film", {"policy": film_adaptation}
)
