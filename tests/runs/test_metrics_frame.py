"""Metrics as a table of pandas, against the file that pandas reads itself."""

import sys

import pytest
from programs import TINY

import mamlrl
from mamlrl.errors import UserError


def test_it_is_what_pandas_reads_from_the_file(tmp_path):
    pandas = pytest.importorskip("pandas")
    config = mamlrl.load_config("navigation2d", [*TINY[1:], "--iterations=3"])
    mamlrl.train(config, tmp_path)
    expected = pandas.read_csv(tmp_path / "metrics.csv", index_col="iteration")
    for run in (tmp_path, tmp_path / "metrics.csv", str(tmp_path)):
        pandas.testing.assert_frame_equal(mamlrl.metrics_frame(run), expected, check_dtype=False, rtol=1e-12)
    assert list(mamlrl.metrics_frame(tmp_path).index) == [1, 2, 3]


def test_a_file_without_rows_is_an_empty_table(tmp_path):
    pytest.importorskip("pandas")
    (tmp_path / "metrics.csv").write_text("iteration,kl\r\n")
    assert len(mamlrl.metrics_frame(tmp_path)) == 0


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"^no metrics at "):
        mamlrl.metrics_frame(tmp_path)
    (tmp_path / "metrics.csv").write_text("iteration,kl\r\n1,0.5\r\n")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UserError, match=r"^pandas is not installed; pip install 'mamlrl\[pandas\]'$"):
        mamlrl.metrics_frame(tmp_path)
