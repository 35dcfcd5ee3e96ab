"""The quality benchmark: its figures by hand, its splits, its baselines against known results."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quality_baselines
import quality_choose
import quality_daemon
import quality_data
import quality_faults
import quality_known
import quality_parts
import quality_sessions
import quality_sets
from quality_decision import changed
from quality_detector import Detector, Model
from quality_figures import by_kind, figures, mean, missed, spread, summed
from quality_measure import Run, measure

from tests.conftest import log_lines
from tinylogbert_daemon.decide import evidence

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(180)

KEYS = {"ap", "auc", "best_f1", "precision", "recall", "patterns_true", "patterns_false"}


def run(*arguments: str | Path, script: str = "quality.py") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", ROOT / "scripts" / "bench" / script, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=170,
    )


@pytest.fixture
def self_made(tmp_path: Path) -> Path:
    """Logs of one service with a fault window, and of one that never ran well."""
    healthy = log_lines(120)
    window = [
        "2026-06-12T11:00:01.123Z ERROR [db-1] disk: no space left for segment 17",
        "2026-06-12T11:00:01.200Z ERROR [db-2] disk: no space left for segment 4711",
        "2026-06-12T11:00:02.123Z FATAL [db-1] shutting down after 3 failed writes",
        "2026-06-12T11:00:02.124Z DEBUG [db-1] stack unwound",
        healthy[0],
    ]
    rows = [("starting up", "-"), *((line, "healthy") for line in healthy)]
    rows += [(line, "fault:disk-full") for line in window]
    _write(tmp_path / "app", rows)
    _write(tmp_path / "broken", [("cannot start", "fault:bad-config")] * 5)
    return tmp_path


def _write(path: Path, rows: list[tuple[str, str]]) -> None:
    path.with_suffix(".log").write_text("".join(f"{line}\n" for line, _ in rows))
    path.with_suffix(".phases").write_text("".join(f"{phase}\n" for _, phase in rows))


def test_figures_at_the_default_threshold_and_where_f1_is_best() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1], dtype=np.int8)
    scores = [0.1, 0.2, 0.6, 0.4, 0.7, 0.9]
    patterns = ["a", "b", "c", "d", "e", "e"]
    ours = figures(labels, scores, patterns, 0.5)
    assert (ours["precision"], ours["recall"]) == (0.6667, 0.6667)
    assert (ours["patterns_true"], ours["patterns_false"]) == (1, 1)
    other = figures(labels, scores, patterns)
    assert (other["precision"], other["recall"]) == (0.75, 1.0)
    assert (other["patterns_true"], other["patterns_false"]) == (2, 1)
    assert other["best_f1"] == ours["best_f1"] == pytest.approx(6 / 7, abs=1e-4)


def test_a_large_kind_that_is_missed_is_named() -> None:
    kinds = ["", *["big"] * 90, *["small"] * 5, *["found"] * 90]
    found = by_kind(kinds, [1.0, *[0.1] * 95, *[0.1] * 89, 0.5], 0.5)
    assert found["found"] == {"lines": 90, "recall": 0.0111}
    assert missed(found) == ["big"]


def test_runs_are_averaged_and_their_spread_told() -> None:
    one = {"ap": 0.5, "patterns_true": 3, "patterns_false": 1, "baselines": {"x": {"ap": 1.0}}}
    other = {**one, "ap": 0.7, "patterns_true": 5}
    assert mean([one, other])["ap"] == 0.6
    assert mean([one, other])["baselines"] == {"x": {"ap": 1.0}}
    assert spread([one, other]) == {"ap": 0.2, "patterns_true": 2, "patterns_false": 0}
    assert summed([one, other])["patterns_true"] == 8


def test_kinds_of_several_logs_are_pooled() -> None:
    row = {"patterns_true": 0, "patterns_false": 0}
    one = {**row, "kinds": {"crash": {"lines": 30, "recall": 1.0}}}
    two = {"crash": {"lines": 10, "recall": 0.0}, "leak": {"lines": 1, "recall": 1.0}}
    other = {**row, "kinds": two}
    assert summed([one, other])["kinds"] == {
        "crash": {"lines": 40, "recall": 0.75},
        "leak": {"lines": 1, "recall": 1.0},
    }


def test_patterns_hide_values_and_show_what_differs() -> None:
    lines = [
        b"Jun 12 10:00:07 db: wrote 35 pages of 0x1f to /srv/db/17",
        b"Jul  1 09:10:17 db: wrote 4 pages of 0xA0 to /srv/other",
        b'"GET /x HTTP/1.1" 200 17',
        b'"GET /y HTTP/1.1" 503 4',
    ]
    one, other, good, bad = quality_data.of_records(lines).patterns
    assert one.replace("  ", " ") == other.replace("  ", " ")
    assert good != bad


def test_a_fault_line_counts_only_if_it_is_new_and_no_debug_output(self_made: Path) -> None:
    split = quality_faults.service(self_made / "app.phases", "healthy")
    assert split is not None
    assert (len(split.history), len(split.judged)) == (60, 63)
    assert [kind for kind in split.kinds if kind] == ["disk-full"] * 3
    assert not any(b"unwound" in record for record in split.judged.records)
    cold = quality_faults.service(self_made / "app.phases", "cold")
    assert cold is not None
    assert len(cold.history) == 0
    assert quality_faults.service(self_made / "broken.phases", "healthy") is None


def test_a_contaminated_history_holds_every_other_anomaly(self_made: Path) -> None:
    split = quality_faults.service(self_made / "app.phases", "contaminated")
    assert split is not None
    assert (len(split.history), len(split.judged)) == (62, 61)
    assert [kind for kind in split.kinds if kind] == ["disk-full"]


def test_phases_that_do_not_fit_their_log_are_refused(self_made: Path) -> None:
    (self_made / "app.phases").write_text("healthy\n")
    with pytest.raises(SystemExit, match="1 phases, its log 126 lines"):
        quality_faults.service(self_made / "app.phases", "healthy")


def test_baselines_stand_still_after_a_history_and_learn_without_one() -> None:
    judged = ["new thing", "new thing", "old thing"]
    after = quality_baselines.run(["old thing"] * 3, judged, 0)
    assert after["pattern-never-seen"] == [1, 1, 0]
    assert after["bigram-surprise"][0] > after["bigram-surprise"][2]
    assert after["word-rarity-max"][0] > after["word-rarity-max"][2]
    assert after["tfidf-isolation-forest"][0] == after["tfidf-isolation-forest"][1]
    assert quality_baselines.run([], judged, 0)["pattern-never-seen"] == [1, 0, 1]


def test_a_history_makes_its_lines_less_of_an_anomaly(model_folder: Path) -> None:
    model = Model(str(model_folder))
    line = b"2026-06-12T10:00:01.123Z WARN  [worker-1] seldom: 3 jobs waiting, slow other consumer"
    verdicts = model.verdicts([line])
    assert Detector(model, [line] * 50).score(verdicts) < Detector(model).score(verdicts)


def test_a_split_is_judged_beside_every_baseline(model_folder: Path, self_made: Path) -> None:
    split = quality_faults.service(self_made / "app.phases", "healthy")
    assert split is not None
    found = measure(split, Model(str(model_folder)))
    assert found.keys() >= KEYS
    assert (found["lines"], found["anomalies"]) == (63, 3)
    assert found["kinds"]["disk-full"]["lines"] == 3
    assert found["baselines"].keys() >= {"pattern-never-seen", "tfidf-isolation-forest", "grep"}
    assert found["baselines"]["pattern-never-seen"]["recall"] == 1.0
    assert all(row.keys() >= KEYS for row in found["baselines"].values())


def test_the_last_line_is_one_object_by_set(model_folder: Path, self_made: Path) -> None:
    sets = ("--set", "faults", "--set", "faults-cold")
    done = run("--json", "--model", model_folder, "--self-made", self_made, *sets)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.keys() == {"faults", "faults-cold"}
    assert found["faults"].keys() >= KEYS
    assert found["faults"]["services"].keys() == {"app"}
    assert found["faults"]["faults"] == 1
    assert found["faults"]["faults_found"] in (0, 1)
    assert "figures are of all services" in done.stderr


def test_sets_without_their_logs_are_left_out_and_said_so(model_folder: Path) -> None:
    done = run("--json", "--model", model_folder, "--set", "faults")
    assert json.loads(done.stdout) == {}
    assert "faults: left out, needs --self-made" in done.stderr


def test_an_unknown_set_is_named(model_folder: Path) -> None:
    done = run("--set", "nonsense")
    assert done.returncode == 2
    assert "nonsense" in done.stderr


@pytest.mark.parametrize("name", list(quality_known.SETS))
def test_well_known_trouble_is_told_from_everyday_lines(name: str) -> None:
    found = quality_known.SETS[name](Run(Model(None), None, 1, Path(), None, 1, quick=True))
    assert found["anomalies"] == 92
    assert found["lines"] == 92 + (61 if name == "well-known" else 122)
    assert found["ap"] > max(row["ap"] for row in found["baselines"].values())
    assert found["precision"] > 0.9
    assert found["recall"] > 0.4


class TestChoosing:
    def test_precision_weighs_more_than_recall(self) -> None:
        # precision 1 and recall 1/2, precision 2/3 and recall 1, nothing at all
        counts = np.array([[2.0, 0.0, 4.0], [4.0, 2.0, 4.0], [0.0, 0.0, 4.0]])
        assert quality_choose.f_beta(counts).tolist() == pytest.approx([5 / 6, 5 / 7, 0.0])

    def test_what_calls_itself_an_error_is_trusted_least_from_two_thirds_on(self) -> None:
        weights = (evidence._SEVERITY_WEIGHT, evidence._TROUBLE_LEVEL_WEIGHT)
        with changed({quality_choose.DISTRUSTED: quality_choose.distrusted(*weights)}):
            content = weights[0] * math.log(2.0) + weights[1]
            assert evidence.trust_of(content + 0.01) == pytest.approx(evidence._LEAST_TRUST, 0.05)
            assert evidence.trust_of(content - 0.3) > 2.0 * evidence._LEAST_TRUST


@pytest.mark.usefixtures("benchmark_data")
class TestOnTheBenchmarkData:
    """Each simple detector's figure as the data's own description gives it."""

    def test_bgl_pattern_never_seen(self) -> None:
        split = quality_sets.first(10_000)(0)
        baseline = quality_baselines.NeverSeen()
        for pattern in set(split.history.patterns):
            baseline.learn(pattern, 1)
        scores = [baseline.score(pattern) for pattern in split.judged.patterns]
        found = figures(split.labels, scores, split.judged.patterns)
        assert found["ap"] == pytest.approx(0.225, abs=1e-3)
        assert found["best_f1"] == pytest.approx(0.368, abs=1e-3)
        assert found["patterns_true"] + found["patterns_false"] == 313

    def test_hdfs_rarest_event_count(self) -> None:
        _, sessions = quality_sessions.read()
        half = len(sessions) // 2
        scores = quality_sessions.baselines(sessions[:half], sessions[half:])
        labels = np.array([session.anomaly for session in sessions[half:]], dtype=np.int8)
        kinds = [""] * len(labels)
        assert (len(labels), int(labels.sum())) == (5751, 138)
        found = figures(labels, scores["rarest-event-count"], kinds)
        assert found["auc"] == pytest.approx(0.9956, abs=1e-4)
        assert found["best_f1"] == pytest.approx(0.914, abs=1e-3)
        assert figures(labels, scores["rarest-event"], kinds)["best_f1"] == pytest.approx(
            0.80, abs=5e-3
        )

    def test_corruptions_are_the_same_for_the_same_seed(self) -> None:
        one, again = (quality_sets.corrupted("HDFS", 3) for _ in range(2))
        assert one == again
        assert one != quality_sets.corrupted("HDFS", 4)
        assert (len(one.history), len(one.judged), int(one.labels.sum())) == (1000, 1000, 20)

    def test_training_on_the_history_goes_into_a_folder_of_its_own(
        self, model_folder: Path, tmp_path: Path
    ) -> None:
        model = Model(str(model_folder))
        setup = Run(model, str(model_folder), 1, tmp_path, None, 1, quick=True)
        found: Any = quality_sets.SETS["bgl-2k"](setup)
        assert found["train_seconds"] > 0
        assert found["seeds"] == 1
        assert (tmp_path / "bgl-2k" / "seed-0" / "tinylogbert" / "model.pt").exists()

    def test_the_daemon_on_bgl_accounts_for_every_alert_line(self, model_folder: Path) -> None:
        setup = Run(Model(str(model_folder)), None, 1, Path(), None, 1, quick=True)
        found = quality_daemon.bgl(setup)
        rows = found["kinds"].values()
        assert sum(row["lines"] for row in rows) == 2613
        caught = sum(row["lines"] * row["recall"] for row in rows)
        assert found["recall"] == pytest.approx(caught / 2613, abs=1e-3)
        assert bool(found["incidents_true"]) == bool(found["patterns_true"])

    def test_each_part_is_taken_out_for_a_while(self, model_folder: Path) -> None:
        before = evidence._SEVERITY_WEIGHT
        done = run("--quick", "--json", "--model", model_folder, script="quality_parts.py")
        found = json.loads(done.stdout.splitlines()[-1])
        assert found.keys() == quality_parts.VARIANTS.keys()
        assert found["all"]["bgl-2k-counted"] != found["all but severity"]["bgl-2k-counted"]
        with changed(quality_parts.without("severity")):
            assert evidence._SEVERITY_WEIGHT == 0.0
        assert before == evidence._SEVERITY_WEIGHT > 0.0

    def test_weights_are_chosen_by_the_sets_that_choose(self, model_folder: Path) -> None:
        done = run("--quick", "--json", "--model", model_folder, script="quality_choose.py")
        found = json.loads(done.stdout.splitlines()[-1])
        assert found["chosen"] == max(found["best"], key=lambda row: row["f_beta"])
        assert found["now"] in found["best"]
        assert len(found["best"]) == 3
        assert found["now"]["sets"].keys() == {"corruptions", *quality_known.SETS}
        assert found["now"]["_SEVERITY_WEIGHT"] == evidence._SEVERITY_WEIGHT

    def test_quick(self, model_folder: Path) -> None:
        done = run("--quick", "--json", "--model", model_folder)
        found = json.loads(done.stdout.splitlines()[-1])
        assert found.keys() == {"bgl-2k-cold", "bgl-2k-counted", "corruptions", *quality_known.SETS}
        assert all(row.keys() >= KEYS for row in found.values())
