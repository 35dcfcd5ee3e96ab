"""The seven steps of ``tinylogbert workflow``."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinylogbert_daemon.cli.compare import measure_models
from tinylogbert_daemon.cli.console import byte_progress, output_file
from tinylogbert_daemon.cli.evaluate import wish_of
from tinylogbert_daemon.cli.learn import learn
from tinylogbert_daemon.cli.setup import load_setup

if TYPE_CHECKING:
    from tinylogbert_daemon.training.size import Size
    from tinylogbert_daemon.training.workflow import Journal, Outcome, Step

TINY_STEPS = 2000
DISTIL_STEPS = 200
"""A step of DistilBERT costs 7 (short texts) to 13 of BERT-mini. So bounded, with the test's texts,
100,000 lines of 38,000 texts come to some 37 minutes of one core, by cost a step and a text."""

_DISTIL_REFERENCE = 1000
_TOP = 10
_ARTIFACT_FILES = ("manifest.json", "model.pt", "tokenizer.json")


class Steps:
    """The seven steps on one log; each step's method returns what it left behind."""

    def __init__(self, args: argparse.Namespace, journal: Journal) -> None:
        self._args = args
        self._folder: Path = args.output_dir
        self._journal = journal

    def take(self) -> tuple[dict[str, Any], dict[str, Path]]:
        """Take all steps; return the results and the plots."""
        from tinylogbert_daemon.model.artifact import BASE_MODEL
        from tinylogbert_daemon.training.workflow import fingerprint

        args, run = self._args, self._journal.run
        log = fingerprint(Path(args.raw_logs))
        analysed = run("analyse", [log, args.raw_logs, args.sample_limit], self._analyse)
        ratio = None if analysed.detail["labelled"] else args.anomaly_ratio
        converted = run(
            "convert", [analysed.identity, ratio, args.seed], partial(self._convert, analysed)
        )
        parts = run(
            "split", [converted.identity, args.shared_texts, args.seed],
            partial(self._split, converted),
        )  # fmt: skip
        models = {
            name: run(
                f"train {title}", [parts.identity, BASE_MODEL, *map(str, self._options(name))],
                partial(self._train, name, parts),
            )
            for name, title in (("tinylogbert", "TinyLogBERT"),
                                ("logbert_distil", "LogBERT-Distil"))
        }  # fmt: skip
        wish = asdict(wish_of(args))
        compared = run(
            "compare", [parts.identity, *(step.identity for step in models.values()), wish],
            partial(self._compare, parts, models),
        )  # fmt: skip
        detected = run(
            "detect", [analysed.identity, models["tinylogbert"].identity, wish["threshold"]],
            partial(self._detect, analysed, models["tinylogbert"]),
        )  # fmt: skip
        results = dict(compared.detail["results"])
        results["workflow"] = {
            "steps": [
                {"name": step.name, "seconds": step.seconds, "told": step.told,
                 "reused": step.reused}
                for step in self._journal.steps
            ],
            "detected": detected.detail,
            "split": parts.detail,
            "notes": self._notes(labelled=analysed.detail["labelled"]),
        }  # fmt: skip
        images = {name: Path(path) for name, path in compared.detail["images"].items()}
        return results, images

    def _notes(self, *, labelled: bool) -> list[str]:
        """Return what a reader must know to judge the figures."""
        args = self._args
        notes = [
            "The test part is the end of the log, whose texts may have been learned from."
            if args.shared_texts
            else "No text of the test part was learned from, so each of them is new to both models."
        ]
        if not labelled:
            notes.append(
                "The anomalies of the test are simulated: single corrupted lines, most of which "
                "look like no other line. Detectors of rare patterns are at their best there."
            )
        notes.append(
            f"LogBERT-Distil keeps within {args.distil_steps:,} steps (--distil-steps): each costs "
            "about ten of TinyLogBERT's, and by default 100,000 lines are to take less than 45 "
            "minutes on two cores. With more steps it may do better."
        )
        return notes

    def _analyse(self) -> Outcome:
        from tinylogbert_daemon.training.analyze import analyze, table
        from tinylogbert_daemon.training.corpus import records_of
        from tinylogbert_daemon.training.workflow import Outcome

        log = Path(self._args.raw_logs)
        files = []
        if self._args.sample_limit:
            log = self._folder / "input.log"
            _cut(self._args.raw_logs, log, self._args.sample_limit)
            files.append(log)
        labelled, blocks = records_of(str(log))
        with tempfile.NamedTemporaryFile(suffix=".log") as texts:
            if labelled:
                texts.writelines(blocks)
                texts.flush()
            found = analyze(texts.name if labelled else str(log), time.time())
        lines = list(table(found))
        path = self._folder / "analysis.txt"
        with output_file(path) as stream:
            stream.writelines(f"{line}\n".encode() for line in lines)
        what = "labelled JSONL" if labelled else "a raw log"
        return Outcome(
            f"{what} of {found.lines:,} lines, {len(found.shapes):,} shapes",
            [*files, path],
            {"labelled": labelled, "log": str(log), "lines": found.lines},
        )

    def _convert(self, analysed: Step) -> Outcome:
        from tinylogbert_daemon.training.convert import convert
        from tinylogbert_daemon.training.workflow import Outcome

        log = analysed.detail["log"]
        if analysed.detail["labelled"]:
            return Outcome("nothing to do, its own labels are used", [], {"labelled": log})
        path = self._folder / "labelled.json"
        with output_file(path) as stream:
            done = convert(log, stream, self._args.anomaly_ratio, self._args.seed)
        count = done.simulated.total()
        return Outcome(
            f"{done.lines:,} lines, {count:,} of them replaced by simulated anomalies",
            [path],
            {"labelled": str(path)},
        )

    def _split(self, converted: Step) -> Outcome:
        from tinylogbert_daemon.training.split import split
        from tinylogbert_daemon.training.workflow import Outcome

        train, test = (self._folder / f"{name}.json" for name in ("train", "test"))
        with output_file(train) as learned, output_file(test) as tested:
            parts = split(
                converted.detail["labelled"],
                learned,
                tested,
                shared_texts=self._args.shared_texts,
                seed=self._args.seed,
            )
        said = (
            f"{parts.train_lines:,} lines ({parts.train_texts:,} texts) to learn from, without "
            f"labels; {parts.test_lines:,} lines ({parts.test_texts:,} texts) to test on, "
            f"{parts.test_anomalies:,} of them anomalies; {parts.shared_texts:,} texts in both; "
            f"{parts.left_out:,} lines left out"
        )
        return Outcome(
            said, [train, test], {**asdict(parts), "train": str(train), "test": str(test)}
        )

    def _options(self, name: str) -> tuple[int | None, int, int | None, Size | None, int]:
        """Return epochs asked for, batch size, limit of steps, size and seed."""
        args = self._args
        limit = None if args.epochs else TINY_STEPS
        if name == "logbert_distil":
            return args.epochs, args.batch_size, args.distil_steps, args.distil_size, args.seed
        return args.epochs, args.batch_size, limit, args.tiny_size, args.seed

    def _train(self, name: str, parts: Step) -> Outcome:
        from tinylogbert_daemon.model.artifact import load
        from tinylogbert_daemon.training.corpus import collect
        from tinylogbert_daemon.training.train import TrainOptions
        from tinylogbert_daemon.training.workflow import Outcome, schedule

        epochs, batch_size, limit, own_size, seed = self._options(name)
        corpus = collect([parts.detail["train"]])
        plan = schedule(corpus, epochs or TrainOptions().epochs, batch_size, limit, seed)
        tiny = name == "tinylogbert"
        options = TrainOptions(
            model_type=name,
            epochs=plan.epochs,
            batch_size=batch_size,
            init="base" if tiny and own_size is None else "none",
            seed=seed,
            size=own_size,
        )
        texts = corpus.texts
        few = None if tiny else texts[:: max(1, len(texts) // _DISTIL_REFERENCE)]
        folder = learn(options, plan.corpus, self._folder / "models", counted=corpus, reference=few)
        start = "the base model" if options.init == "base" else "nothing"
        said = (
            f"{load(str(folder)).manifest.training['steps']:,} steps of {batch_size} texts from "
            f"{start}, "
            f"{plan.epochs} passes over {len(plan.corpus.texts):,} of {len(texts):,} texts"
        )
        files = [folder / file for file in _ARTIFACT_FILES]
        return Outcome(said, files, {"folder": str(folder)})

    def _compare(self, parts: Step, models: dict[str, Step]) -> Outcome:
        from tinylogbert_daemon.training.workflow import Outcome

        args = self._args
        folders = {name: step.detail["folder"] for name, step in models.items()}
        results, images = measure_models(
            parts.detail["test"], folders, wish_of(args), self._folder, args.seed
        )
        names = {name: str(path) for name, path in images.items()}
        said = f"both models on {results['lines']:,} lines of {results['texts']:,} texts"
        return Outcome(said, list(images.values()), {"results": results, "images": names})

    def _detect(self, analysed: Step, tiny: Step) -> Outcome:
        from tinylogbert_daemon.cli.batch import Renderer
        from tinylogbert_daemon.source.lines import blocks_of, open_input
        from tinylogbert_daemon.training.workflow import Outcome

        log = analysed.detail["log"]
        renderer = Renderer(load_setup(tiny.detail["folder"], pinned=False))
        render = renderer.json_block if analysed.detail["labelled"] else renderer.text_block
        path = self._folder / "detections.jsonl"
        with (
            closing(open_input(log)) as stream,
            output_file(path) as output,
            byte_progress([log], "scoring") as report,
        ):
            for block in blocks_of(stream):
                output.writelines(render(block, log))
                report(len(block))
        found = _overview(path)
        said = f"{found['anomalies']:,} of {found['lines']:,} lines are anomalies, in {path.name}"
        return Outcome(said, [path], found)


def _cut(name: str, path: Path, limit: int) -> None:
    """Write the first ``limit`` lines of a log to ``path``, decompressed."""
    from tinylogbert_daemon.source.lines import blocks_of, open_input

    with closing(open_input(name)) as stream, output_file(path) as output:
        left = limit
        for block in blocks_of(stream):
            lines = block.splitlines(keepends=True)[:left]
            output.writelines(lines)
            left -= len(lines)
            if not left:
                break


def _overview(path: Path) -> dict[str, Any]:
    """Return counts of the results in ``path``, and their forms with the highest scores.

    A form is a line with its digits replaced by zeros.
    """
    digits = str.maketrans("123456789", "000000000")
    lines = anomalies = 0
    forms: dict[str, dict[str, Any]] = {}
    with path.open("rb") as stream:
        for content in stream:
            lines += 1
            if b'"anomaly": true' not in content:
                continue
            entry = json.loads(content)
            if not entry["anomaly"]:
                continue
            anomalies += 1
            form = forms.setdefault(
                entry["log_text"].translate(digits),
                {"score": entry["score"], "lines": 0, "line": entry["log_text"]},
            )
            form["lines"] += 1
    top = sorted(forms.values(), key=lambda form: -form["score"])[:_TOP]
    return {"lines": lines, "anomalies": anomalies, "texts": len(forms), "top": top}
