"""YAML of plain values: what is read, and what is refused before it costs anything."""

import pytest

from mamlrl.settings.plain_yaml import DEEPEST, LARGEST_FILE, MOST_VALUES, check, check_values, load, read_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\nb: [x, 2.5, null, true]\n", {"a": 1, "b": ["x", 2.5, None, True]}),
        ("a: &part {b: 1}\nc: [*part, *part]\n", {"a": {"b": 1}, "c": [{"b": 1}, {"b": 1}]}),
        ("a: &part {b: 1}\nc: {<<: *part, d: 2}\n", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("a: !!str 3\n", {"a": "3"}),
        ("[" * DEEPEST + "]" * DEEPEST, None),
        (f"[{'1,' * (MOST_VALUES - 1)}]", [1] * (MOST_VALUES - 1)),
    ],
)
def test_plain_values_are_read(text, value):
    read = load(text)
    assert value is None or read == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * (DEEPEST + 1), "deep"),
        (f"[{'1,' * MOST_VALUES}]", "more than 10000 values"),
        ("a: &a [*a]", "an alias stands for a part that contains it"),
        ("a: &a {b: {c: *a}}", "an alias stands for a part that contains it"),
        ("a: &a [1]\nb: !!set {c}\n", "line 2 has the tag !!set"),
        ("!!python/name:os.system", "has the tag !!python/name"),
        ("[1, 2", "expected"),
        ("*x", "undefined alias"),
        ("!mine x", "!mine"),
    ],
)
def test_the_rest_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        load(text)


@pytest.mark.parametrize("depth", [5, 20, 2000])
def test_aliases_count_as_what_they_stand_for(depth):
    names = [f"n{index}" for index in range(depth)]
    lines = ["n: &n [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for before, name in zip(["n", *names], names, strict=False):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    with pytest.raises(ValueError, match="those that aliases stand for included"):
        check("\n".join(lines))


def test_what_is_no_yaml_is_left_to_the_parser():
    for text in ("[1, 2", "*x", "a: b: c", "caf\udce9", "\0"):
        check(text)


def test_texts_within_values_are_checked():
    check_values({"a": ["text", 3, None, {"b": "[1, 2]"}]})
    deep = []
    for _ in range(DEEPEST + 1):
        deep = [deep]
    for value in ({"a": ["[" * 100]}, {"a": {"b": "!!set {c}"}}, deep):
        with pytest.raises(ValueError, match=r"deep|!!set"):
            check_values(value)


def test_files_are_utf8_with_or_without_a_mark(tmp_path):
    path = tmp_path / "text"
    for content in ("é".encode(), b"\xef\xbb\xbf" + "é".encode()):
        path.write_bytes(content)
        assert read_text(path) == read_text(str(path)) == "é"
    for content, message in ((b"\xe9", "UTF-8"), (b"#" * (LARGEST_FILE + 1), "larger than")):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_text(path)
