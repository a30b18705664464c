"""The order of folders in docs/architecture.md: no import goes up, none in a circle; setup.cfg lists them all."""

import ast
import configparser
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "architecture.md").read_text()
ORDER = re.findall(r"^\| `((?:mamlrl/|envs/|scripts/)[\w*./]*)` \|", TEXT, flags=re.MULTILINE)
SOURCES = sorted(path for top in ("mamlrl", "envs", "scripts") for path in (ROOT / top).rglob("*.py"))
PACKAGE = ROOT / "mamlrl" / "__init__.py"
PROGRAM = ROOT / "mamlrl" / "__main__.py"
PUBLIC_LINES, FUNCTION_LINES = 200, 40


def module_of(path):
    """Dotted name, as the package is installed."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "mamlrl" else ("mamlrl", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in SOURCES}


def imports_of(path):
    """Modules of the package that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in MODULES}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (submodules & set(MODULES)) or ({node.module} & set(MODULES))
    return found


def floor_of(path):
    """Index of a file's folder in the table; -1 for the version, which everything may know."""
    relative = path.relative_to(ROOT)
    if relative.name == "_version.py":
        return -1
    top = relative.parts[0]
    folder = f"{top}/{relative.parts[1]}/" if top == "mamlrl" and len(relative.parts) > 2 else f"{top}/"
    return ORDER.index("mamlrl/*.py" if folder == "mamlrl/" else folder)


def test_the_table_has_every_folder_once():
    folders = [f"mamlrl/{path.name}/" for path in (ROOT / "mamlrl").iterdir() if (path / "__init__.py").exists()]
    assert sorted(ORDER) == sorted(["mamlrl/*.py", "envs/", "scripts/", *folders])


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_import_goes_up(module):
    path = MODULES[module]
    if path in (PACKAGE, PROGRAM):  # the public names, and `python -m mamlrl`
        return
    for imported in imports_of(path) - {"mamlrl"}:
        assert floor_of(MODULES[imported]) <= floor_of(path), f"{module} imports {imported}"


def test_the_public_names_are_for_programs_and_users_alone():
    importing = {module for module, path in MODULES.items() if "mamlrl" in imports_of(path)}
    assert all(module.startswith("mamlrl.scripts.") for module in importing), importing


def test_no_circle():
    graph = {module: imports_of(path) - {"mamlrl"} for module, path in MODULES.items() if path != PACKAGE}
    assert len(list(TopologicalSorter(graph).static_order())) >= len(graph)


def test_one_level_of_folders():
    depths = {len(path.relative_to(ROOT).parts) for path in SOURCES}
    assert max(depths) == 3
    for folder in {path.parent for path in SOURCES}:
        assert (folder / "__init__.py").is_file(), folder


FOLDERS = sorted({path.parent for path in SOURCES} - {ROOT / "mamlrl", ROOT / "envs"})


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_a_folder_s_init_is_a_docstring_alone(folder):
    tree = ast.parse((folder / "__init__.py").read_text())
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


def test_setup_lists_every_package():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = config["options"]["packages"].split()
    packages = {module_of(path) for path in SOURCES if path.name == "__init__.py"}
    assert sorted(listed) == sorted([*packages, "mamlrl.configs", "mamlrl.policies"])


@pytest.mark.parametrize("module", sorted(MODULES))
def test_files_and_functions_are_short(module):
    text = MODULES[module].read_text()
    assert len(text.splitlines()) <= PUBLIC_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            documented = ast.get_docstring(node, clean=False) is not None
            first = node.body[1] if documented and len(node.body) > 1 else node.body[0]
            assert node.end_lineno - first.lineno < FUNCTION_LINES, node.name
