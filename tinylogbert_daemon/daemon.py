"""The life of the daemon: start in order, run, reload, drain, end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector

from tinylogbert_daemon import __version__, logs
from tinylogbert_daemon.clock import Clock, SystemClock
from tinylogbert_daemon.config import Config
from tinylogbert_daemon.decide.engine import Engine
from tinylogbert_daemon.errors import (
    ArtifactError,
    DamagedStateError,
    StateError,
    TinyLogBertError,
)
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.health import STUCK_SECONDS, Health, trained
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.model import artifact
from tinylogbert_daemon.model.scorer import Scorer
from tinylogbert_daemon.notify import Notifier
from tinylogbert_daemon.pipeline import Pipeline
from tinylogbert_daemon.pipeline.learning import Learner
from tinylogbert_daemon.pipeline.rates import Rates
from tinylogbert_daemon.pipeline.threads import filled_pool
from tinylogbert_daemon.source import journal
from tinylogbert_daemon.source.stdin import Stdin
from tinylogbert_daemon.state import Store
from tinylogbert_daemon.state.models import Models
from tinylogbert_daemon.state.modes import Tightened, tighten
from tinylogbert_daemon.state.opening import open_state
from tinylogbert_daemon.state.spool import Spool
from tinylogbert_daemon.web.app import History, create_app, create_probes
from tinylogbert_daemon.web.detector import EngineDetector
from tinylogbert_daemon.web.listen import Listeners
from tinylogbert_daemon.web.records import Records
from tinylogbert_daemon.web.stream import Hub

_HEARTBEAT_SECONDS = 5.0
_HOUR = 3600.0
_HELPERS = 4  # threads for what blocks now and then: syncing, loading a model, resolving a name


class Daemon:
    """Runs until SIGTERM or SIGINT, or the end of standard input where that is the only source.

    SIGHUP reloads; a second SIGINT leaves at once.

    ``reload`` returns the configuration anew, or raises :class:`TinyLogBertError`, upon which the
    old one stays. ``from_beginning`` names sources that are read whole at first sight.
    """

    def __init__(
        self,
        config: Config,
        reload: Callable[[], Config],
        *,
        from_beginning: Sequence[str] = (),
        run_seconds: float | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._config = config
        self._reload = reload
        self._from_beginning = tuple(from_beginning)
        self._run_seconds = run_seconds
        self._clock = clock or SystemClock()
        self._metrics = Metrics(CollectorRegistry())
        ProcessCollector(registry=self._metrics.registry)
        self._notifier = Notifier.from_environment()
        self._log = logs.get()
        self._started = self._clock.monotonic()
        self._rates = Rates(self._clock)
        self._stop = asyncio.Event()
        self._ending = False
        self._scorer: Scorer | None = None
        self._stdin: Stdin | None = None

    def _complain(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log in a line what no task was there to deal with, such as too many open sockets."""
        reason = context.get("exception")
        message = f"{context['message']}: {reason!r}" if reason is not None else context["message"]
        self._log.error("event loop", reason=printable(message))

    async def run(self) -> None:
        """Run to the end. Raises :class:`TinyLogBertError` if the start fails."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._complain)
        loop.set_default_executor(filled_pool(_HELPERS, "helper"))
        loop.add_signal_handler(signal.SIGTERM, self._end)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        if self._run_seconds is not None:
            loop.call_later(self._run_seconds, self._end)
        model = None
        worked: Config | None = None
        while not self._ending:
            self._stop.clear()
            config = self._config
            try:
                with ExitStack() as stack:
                    thread = stack.enter_context(ThreadPoolExecutor(1, "scorer"))
                    scorer = self._scorer
                    # its threads, its pin
                    if scorer is None or model != config.model or _moved(config, scorer):
                        scorer = await loop.run_in_executor(thread, self._load, config)
                        model = config.model
                        self._use(scorer)
                    await self._run_once(config, stack, scorer, thread)
                worked = config
            except TinyLogBertError as error:  # of the start: later ones come in groups
                if worked is None:
                    raise
                self._log.error("cannot run so, the old configuration stays", error=str(error))
                self._config, worked = worked, None
        self._log.info("stopped")

    def _load(self, config: Config) -> Scorer:
        accepted = _accepted(config)
        found = None
        if accepted is not None:
            try:
                found = Models(config.state_path).load(accepted.name)
            except ArtifactError as error:
                self._log.error(
                    "the model that was swapped in cannot be used, the configured one is",
                    error=str(error),
                )
        if found is None:
            found = artifact.load(config.model.path, config.model.sha256)
        observe = self._metrics.inference_duration.observe
        return Scorer(found, config.model.threads, observe, config.model.precision)

    def _use(self, scorer: Scorer) -> None:
        """Take note of the model that is in use from now on."""
        self._scorer = scorer
        manifest = scorer.artifact.manifest
        self._metrics.set_model(scorer.artifact.name, manifest.model_type, trained(scorer.artifact))

    async def _run_once(
        self, config: Config, stack: ExitStack, scorer: Scorer, scorer_thread: ThreadPoolExecutor
    ) -> None:
        """Run one configuration until told to stop or to reload."""
        spool = Spool(config.sinks.spool_limit, config.sinks.drop)
        # before SQLite has it: to open and close its files here gives up the locks of this process
        # on them, and then the next one that reads truncates what is mapped: SIGBUS
        modes = Tightened()
        with suppress(OSError):
            modes = tighten(config.state_path, [config.jsonl_path])
        store, damage = open_state(config.state_path, config.state.on_damage, spool)
        stack.callback(store.close)
        if damage is not None:
            self._log.error("the state begins anew", error=str(damage))
        if not store.checked:
            self._log.info("the state is large, and was left in good order: not all was checked")
        self._tidy(store, config)
        self._say_modes(modes)
        if self._stdin is None and any(source.is_stdin for source in config.sources):
            self._stdin = Stdin()
        pipeline = Pipeline(
            config,
            scorer=scorer,
            scorer_executor=scorer_thread,
            store=store,
            clock=self._clock,
            metrics=self._metrics,
            from_beginning=self._from_beginning,
            stdin=self._stdin,
        )
        view = Store(config.state_path, read_only=True)
        stack.callback(view.close)
        health = Health(pipeline, view, config, self.uptime, self._rates)
        listeners = Listeners(config, stack, has_state=True)
        records = Records(config.state_path)
        stack.callback(records.close)
        hub = Hub()
        pipeline.committer.watch = hub.publish
        pipeline.committer.tallied = self._rates.add
        async with asyncio.TaskGroup() as group:
            http_stop = asyncio.Event()
            engine = Engine(scorer, pipeline.decider, self._clock.now)
            detector = EngineDetector(engine, scorer_thread)
            registry = self._metrics.registry
            app = create_app(
                detector=detector,
                registry=registry,
                health=health,
                version=__version__,
                access=listeners.access,
                history=History(records, hub, pipeline.feedback, self._clock.now),
            )
            probes = create_probes(registry=registry, health=health, version=__version__)
            for serving in listeners.serving(app, probes, http_stop):
                group.create_task(serving)
            heart = group.create_task(self._beat(pipeline, listeners.url))

            def swapped(new: Scorer) -> None:
                self._use(new)
                detector.use(Engine(new, pipeline.decider, self._clock.now))

            learner = Learner(
                config,
                pipeline,
                executor=scorer_thread,
                view=view,
                clock=self._clock,
                metrics=self._metrics,
                swapped=swapped,
            )
            learning = group.create_task(learner.run(self._stop))
            try:
                await pipeline.run(self._stop)
                if pipeline.ended.is_set():
                    self._end()
            finally:
                heart.cancel()
                learning.cancel()
                hub.close()
                http_stop.set()

    async def _beat(self, pipeline: Pipeline, url: str) -> None:
        """Say when all is up, then feed systemd's watchdog for as long as work gets done."""
        await pipeline.ready.wait()
        count = len(pipeline.followed())
        self._log.info(
            "running",
            version=__version__,
            model=pipeline.scorer.artifact.name,
            precision=pipeline.scorer.precision,
            files=count,
            http=url,
        )
        if not count and await asyncio.to_thread(journal.is_there):
            self._log.warning(journal.HINT)
        self._notifier.ready(f"following {count} files with {pipeline.scorer.artifact.name}")
        every = min(_HEARTBEAT_SECONDS, (self._notifier.watchdog_seconds or 60.0) / 2)
        while True:
            if pipeline.stuck_seconds() < STUCK_SECONDS:
                self._notifier.watchdog()
            if self._notifier.is_heard:
                followed = pipeline.followed().values()
                lag = sum(entry.lag_bytes for entry in followed)
                self._notifier.status(
                    f"following {len(followed)} files, {lag} bytes behind, "
                    f"{len(pipeline.incidents)} incidents open"
                )
            await asyncio.sleep(every)

    def _tidy(self, store: Store, config: Config) -> None:
        """Delete and mask what is due; where there is no room for it now, the next start does."""
        try:
            store.prune(config.retention_seconds, self._clock.now())
            store.scrub(config.privacy.masker() if config.privacy.mask else None)
        except DamagedStateError:
            raise
        except StateError as error:
            self._log.error("cannot tidy the state; the next start will", error=str(error))

    def _say_modes(self, found: Tightened) -> None:
        if found.changed:
            self._log.warning("others could get at this; not any more", paths=found.changed)
        if found.left:
            self._log.warning(
                "others can get at this, and it is not the daemon's alone to change: set state_dir "
                "to a folder of its own",
                paths=found.left,
            )

    def _end(self) -> None:
        self._ending = True
        self._notifier.stopping()
        self._stop.set()

    def _interrupt(self) -> None:
        if self._ending:
            # what is not committed is read again by the next run
            os._exit(130)
        self._log.info("stopping; once more to leave at once")
        self._end()

    def _hang_up(self) -> None:
        self._notifier.reloading()
        try:
            self._config = self._reload()
        except TinyLogBertError as error:
            self._log.error("configuration not reloaded, the old one stays", error=str(error))
            self._notifier.ready("configuration not reloaded")
            return
        self._log.info("reloading")
        self._stop.set()

    def uptime(self) -> float:
        """Return the seconds since the start."""
        return self._clock.monotonic() - self._started


def _moved(config: Config, scorer: Scorer) -> bool:
    """Return whether another artifact is to be used than the one that is loaded."""
    wanted = _accepted(config) or artifact.find(config.model.path)
    return wanted.resolve() != scorer.artifact.folder


def _accepted(config: Config) -> Path | None:
    """Return the folder of the model that was trained here and swapped in, if one may be used."""
    if not config.swaps:
        return None
    models = Models(config.state_path)
    name = models.accepted(artifact.find(config.model.path).name)
    return models.folder / name if name is not None else None
