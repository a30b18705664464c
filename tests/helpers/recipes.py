"""A comparison small enough for tests."""

import yaml
from programs import TINY

SETTINGS = {
    **dict(option.removeprefix("--").split("=") for option in TINY[1:]),
    "iterations": 1,
}
RECIPE = {
    "title": "Tiny navigation",
    "config": "navigation2d",
    "settings": {key: yaml.safe_load(str(value)) for key, value in SETTINGS.items()},
    "quick": {"meta_batch_size": 1, "iterations": 3},
    "seeds": [0, 1],
    "methods": {
        "maml": {"label": "MAML"},
        "random": {"configs": ["random"], "settings": {"iterations": 0}, "step_sizes": [0.1, 2.0]},
        "oracle": {"label": "oracle", "configs": ["oracle"], "settings": {"evaluation.steps": 0}},
    },
    "impossible": {"context": "it is none of the paper's"},
    "published": [{"label": "MAML", "source": "Table 4", "values": {0: -40.41, 1: -11.68}}],
    "pictures": {"paths": "maml"},
}


def write_recipe(path, **changes):
    path.write_text(yaml.safe_dump({**RECIPE, **changes}, sort_keys=False))
    return str(path)
