"""Which texts are laid out, and that both models lay out the same ones."""

from __future__ import annotations

import numpy as np

from tests.training.scored import scored
from tinylogbert_daemon.training.embeddings import choose, lay_out


def test_rare_anomalies_are_not_lost_among_normal_texts() -> None:
    found = scored([1] * 10 + [0] * 500, [0.5] * 510)
    chosen = choose(found, limit=100)
    assert len(chosen) == 100
    assert sum(chosen.values()) == 10
    assert choose(found, limit=100) == chosen
    assert choose(found, limit=100, seed=1) != chosen


def test_many_anomalies_leave_room_for_normal_texts() -> None:
    chosen = choose(scored([1] * 300 + [0] * 300, [0.5] * 600), limit=100)
    assert sum(chosen.values()) == 50
    few_normal = choose(scored([1] * 300 + [0] * 20, [0.5] * 320), limit=100)
    assert (len(few_normal), sum(few_normal.values())) == (100, 80)


def test_a_text_with_one_anomalous_line_is_anomalous() -> None:
    assert choose(scored([0, 1, 0], [0.5] * 3, [0, 0, 1])) == {"text 0": True, "text 1": False}


def test_both_models_lay_out_the_same_texts_repeatably() -> None:
    models = {name: scored([0] * 15 + [1] * 5, [0.5] * 20) for name in ("one", "other")}
    layout = lay_out(models)
    assert layout is not None
    assert layout.points.keys() == models.keys()
    assert all(points.shape == (20, 2) for points in layout.points.values())
    assert layout.anomalous.sum() == 5
    again = lay_out(models)
    assert again is not None
    np.testing.assert_allclose(layout.points["one"], again.points["one"])


def test_too_few_texts_are_not_laid_out() -> None:
    assert lay_out({"one": scored([0, 1], [0.1, 0.9])}) is None
