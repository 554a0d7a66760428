"""The composition root: the only place where catalog, engine, queue and gallery are made and
joined."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.belongings import preprocessors_of
from studio.catalog.catalog import Catalog
from studio.catalog.select import select
from studio.catalog.settle import settle
from studio.catalog.shipped import shipped_upscalers
from studio.catalog.words import Words
from studio.datasets.datasets import Datasets
from studio.datasets.generating import DatasetEvent
from studio.datasets.spec import given as read_spec
from studio.datasets.starting import Desk
from studio.detectors.detectors import Detectors
from studio.domain import errors
from studio.domain.events import Event, Picture
from studio.domain.files import as_text
from studio.domain.imports import IMPORTING
from studio.domain.provenance import Provenance
from studio.domain.refs import ModelRef
from studio.domain.request import GenerationRequest
from studio.domain.training import EmbeddingTraining, LoraTraining, TrainingEvent
from studio.engine.protocol import Engine, Memory
from studio.gallery import exports
from studio.gallery.files import Gallery
from studio.gallery.inputs import Inputs
from studio.gallery.library import Library
from studio.gallery.sources import Sources, file_bytes
from studio.jobs.forecasts import Forecasts
from studio.jobs.grids import Grids
from studio.jobs.job import Job
from studio.jobs.keeping import Keeping
from studio.jobs.outlook import Outlook
from studio.jobs.pages import Pages
from studio.jobs.queue import JobQueue
from studio.jobs.settling import Settling
from studio.learning.classroom import Classroom
from studio.provenance import marking, signing
from studio.provenance.verdict import Verdict
from studio.provenance.verifier import Verifier
from studio.reading.reader import Reader
from studio.reading.record import Reading
from studio.reproducing.recorded import Records
from studio.reproducing.reproductions import Comparing, Reproduction, Reproductions
from studio.safety import starting
from studio.settings import Settings, assets_dir, prepare_environment
from studio.store.grids import GridLedger
from studio.store.jobs import JobLedger
from studio.store.ledger import Ledger
from studio.store.pictures import PictureLedger
from studio.store.prompts import PromptLedger
from studio.store.reproductions import ReproductionLedger
from studio.store.room import Room
from studio.store.timings import TimingLedger
from studio.store.tokens import TokenLedger
from studio.store.trainings import TrainingLedger
from studio.tuning.starting import school_of
from studio.tuning.trainings import Trainings

if TYPE_CHECKING:  # these import torch or HTTP clients, which take seconds
    from studio.fetching.downloads import Downloads
    from studio.preprocessors.downloading import WeightDownloads
    from studio.preprocessors.maps import Preprocessors
    from studio.residence.manager import ModelManager

log = logging.getLogger(__name__)


class Studio:
    """The whole studio without its page: queues requests, runs them and keeps the pictures.

    >>> with Studio() as studio:
    ...     [picture] = studio.generate(GenerationRequest(prompt="a red house"))

    settings      how it was started; read from the environment and `studio.toml` if left out
    options       single fields of `Settings` instead, as in device="cpu", data_dir="pictures": they
                  win over environment and file, as flags of the command line do
    outputs       folder for pictures, flat; if left out, by day below the settings' `data_dir`
    build_engine  makes the engine, called in the worker thread; if left out, the real one
    load_later    True: nothing heavy is imported before `load` is called

    Raises `InvalidSettings`, and `UnknownCheckpoint` where its default checkpoint is not there.
    """

    _downloads: Downloads | None = None
    _preprocessors: Preprocessors | None = None
    _weight_downloads: WeightDownloads | None = None

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        outputs: Path | None = None,
        build_engine: Callable[[], Engine] | None = None,
        load_later: bool = False,
        **options: Any,
    ) -> None:
        self.settings = Settings.given(settings, options)
        prepare_environment(self.settings)
        folders = (assets_dir() / "models", *self.settings.models_dir)
        self._ledger = Ledger.opened(self.settings.data_dir)
        self.catalog = Catalog(folders, self.settings.data_dir, self._ledger, shipped_upscalers())
        if self.settings.checkpoint is not None:
            self.catalog.find(self.settings.checkpoint)
        self._warm_up = load_later
        counts = build_engine is not None  # else the worker imports the same just now
        self.words = Words(self.catalog, self.settings.presets_folders, counts)
        self._making, self._may_load = threading.Lock(), threading.Event()
        self.detectors = Detectors(self.catalog, self.settings.detectors_dir)
        self.inputs = Inputs(self.settings.inputs_dir)
        faces = lambda name: self.detectors.faces_in(self.sources.read(name))  # noqa: E731
        find = lambda id: self.library.pictures.find(id)  # noqa: E731
        self.safety = starting.safety(self.settings, self._ledger, faces, find)
        shows_source = lambda: self.safety.rules.source_thumbnail  # noqa: E731
        self.notary = signing.notary(self.settings, self.inputs.bytes, shows_source)
        self.gallery = self._gallery(outputs)
        self.sources = Sources(self.inputs, self.gallery)
        self.reader = Reader(self.catalog, partial(settle, self.catalog), self.inputs.has)
        self._build_engine = build_engine or self._real_engine
        self._manager: ModelManager | None = None
        self._built: Engine | None = None
        self._machine = None if build_engine is None else "an engine that was given"
        self._state, self._failure = "starting", None
        if not load_later:
            self._may_load.set()
        settling = self._settling()
        if load_later:
            self.gallery.clear()
        ledger = self._ledger if load_later else Ledger(None)
        self.library = self._library(ledger)
        self.verifier = Verifier(self.library, self.notary)
        self.prompts, self.tokens = PromptLedger(ledger), TokenLedger(ledger)
        comparing, completed = self._comparing(ledger), self.safety.sighted(settling.completed)
        keeping, forecasts = self._keeping(comparing, ledger), self._forecasts(settling)
        self.queue = JobQueue(
            self._engine,
            lambda request, owner: self._allowed(completed(request, owner), owner),
            keeping,
            forecasts=forecasts,
            patience_s=self.settings.swap_patience,
        )
        self.pages, self.grids = Pages(self.queue, keeping), Grids(self.queue, GridLedger(ledger))
        self.reproductions = self._reproductions(comparing, settling)
        self.datasets = Datasets(self._desk(), self.settings.data_dir / "datasets")
        late = lambda: self.queue, lambda: self._manager  # noqa: E731
        self.school = school_of(self.settings, self.catalog, self.gallery, *late)
        self.trainings = Trainings(self.queue.line, TrainingLedger(ledger), self.school)
        self.outlook = Outlook(self.queue.line, forecasts, settling.completed, self._memory)

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def load(self) -> None:
        """With `load_later`: start the engine now, and load the default checkpoint."""
        self._may_load.set()

    def close(self, timeout_s: float = 10) -> bool:
        """Cancel all jobs and end the worker. False if it has not ended after `timeout_s`."""
        self._warm_up = False
        self._may_load.set()
        if self._downloads:
            self._downloads.close()
        if self._weight_downloads:
            self._weight_downloads.close()
        self.detectors.close()
        self.datasets.close()
        self.catalog.close()
        has_ended = self.queue.close(timeout_s)
        self.library.close()
        if has_ended:
            self.trainings.close()
            self._ledger.close()
        return has_ended

    def submit(self, request: GenerationRequest) -> Job:
        """Queue `request`, whose pictures may be files of this machine, for the account
        `accounts.LOCAL`.

        Raises `InvalidRequest` (also its kinds) or `QueueFull`.
        """
        return self.queue.submit(self.sources.with_files_kept(request))

    def run(self, request: GenerationRequest) -> Iterator[Event]:
        """Submit `request` and yield its events, previews included, until it ends. Leaving the
        loop early cancels it. Raises as `submit` does.
        """
        job = self.submit(request)
        try:
            for _, event in job.follow():
                yield event
        finally:
            job.cancel()

    def generate(self, request: GenerationRequest) -> list[Picture]:
        """The pictures of `request`. Raises as `submit` does, and if the run fails the
        `StudioError` that fits."""
        return list(self.submit(request).finished().pictures)

    def learn(self, page: str, **asked: Any) -> Any:
        """What a page of Learn, as in "noise-in", shows of the model at work: one of
        `learning.shown`. `asked` is what that page is asked, as in seed=3 (`learning.asked`).
        Raises as `Classroom.looks` does, and `EngineError` where it fails."""
        *_, last = (look.result() for look in self.classroom.looks(page, asked))
        return last

    def reproduce(self, picture: str | Path | bytes) -> Reproduction:
        """Draw a picture again from its own record, and compare: the id of one of the library, a
        file, or the bytes of one. One that is the same is not kept a second time.

        Raises as `Reproductions.submit` does, and as `generate`.
        """
        reproductions = self.reproductions
        job = reproductions.submit(reproductions.original(picture))
        job.finished()
        return reproductions.of_job(job)

    def train_lora(
        self,
        folder: str | Path,
        on_event: Callable[[TrainingEvent], None] = lambda event: None,
        resume: bool = False,
        hours: str | None = None,
        **options: Any,
    ) -> ModelRef:
        """Train a LoRA on the captioned pictures in `folder`, in this thread, beside what is drawn;
        it is in the catalog then. `options` are fields of `LoraTraining`; `on_event` is told each
        event. `resume`: go on where it stopped. `hours`: as "22:00-06:00", else it waits.

        Raises `InvalidRequest` for what cannot be trained, `EngineError` where it came to nothing,
        `OutOfMemory` and `SaveError`.
        """
        training = LoraTraining.parse(options)
        return self.school.trained(Path(folder), training, on_event, resume, hours)

    def train_embedding(
        self,
        folder: str | Path,
        on_event: Callable[[TrainingEvent], None] = lambda event: None,
        resume: bool = False,
        hours: str | None = None,
        **options: Any,
    ) -> ModelRef:
        """The same of an embedding, by whose name a prompt calls up what it has learnt; `options`
        are fields of `EmbeddingTraining`. Raises as `train_lora`."""
        training = EmbeddingTraining.parse(options)
        return self.school.trained(Path(folder), training, on_event, resume, hours)

    def caption(
        self, folder: str | Path, captioner: str | None = None, overwrite: bool = False
    ) -> dict[str, str]:
        """Caption the pictures in `folder` that have none (`overwrite`: all) by the captioner of
        that name; None: the first. Picture -> caption. Raises as `Captioning.write`."""
        told = self.school.captioning.write(Path(folder), captioner, overwrite)
        return {each.file: each.caption for each in told}

    def generate_dataset(
        self,
        spec: str | Path | dict[str, Any],
        folder: str | Path,
        on_event: Callable[[DatasetEvent], None] = lambda event: None,
        resume: bool = False,
    ) -> DatasetEvent:
        """Draw a dataset for a detector into `folder`, with its labels, in this thread: `spec` is
        the path of a specification, or its fields. `on_event` is told each picture. `resume`: go on
        with what is there. Its pictures take their turns in the queue, and are kept in `folder`
        alone. Returns the last event, with all counts.

        Raises `InvalidRequest` for what cannot be drawn, and as `generate`.
        """
        for event in self.datasets.generate(read_spec(spec), Path(folder), resume):
            on_event(event)
        return event

    def read(self, source: bytes | str | Path) -> Reading:
        """The settings in a picture file (its bytes, or its path) of any studio, or in a text: an
        infotext, or a graph of ComfyUI. `Reading.request` holds fields of a `GenerationRequest`.
        Raises `InvalidRequest`."""
        return self.reader.read(file_bytes(source) if isinstance(source, Path) else source)

    def verify(self, source: bytes | str | Path) -> Verdict:
        """Where a picture file (its bytes, or its path) comes from, as far as is known: from its
        pixels, its text, and the library. Raises `InvalidRequest`."""
        return self.verifier.verify(source if isinstance(source, bytes) else file_bytes(source))

    @cached_property
    def classroom(self) -> Classroom:
        """Where the pages of Learn are asked for."""
        completed = self.safety.sighted(self._settling().completed)
        return Classroom(
            self.queue.errand,
            lambda request, owner: self._allowed(completed(request, owner), owner),
            *(self.sources.read_any, lambda: self._built, self.safety),
        )

    @property
    def downloads(self) -> Downloads:
        """Models on their way to the folder `downloads_dir` of the settings."""
        if self._downloads is None:
            # Here and not at the top: an HTTP client takes a moment to import.
            from studio.fetching.downloads import Downloads

            self._downloads = Downloads(
                self.settings.downloads_dir, lambda _: self.catalog.refresh()
            )
        return self._downloads

    @property
    def preprocessors(self) -> Preprocessors:
        """What makes the maps of ControlNet units. Their networks run on the CPU, so that they
        take no memory from the models; the device's own thread need not be asked then."""
        with self._making:
            if self._preprocessors is None:
                self._preprocessors = preprocessors_of(self.settings)
            return self._preprocessors

    @property
    def weight_downloads(self) -> WeightDownloads:
        """Weights of preprocessors on their way."""
        preprocessors = self.preprocessors
        with self._making:
            if self._weight_downloads is None:
                from studio.preprocessors.downloading import WeightDownloads

                self._weight_downloads = WeightDownloads(preprocessors)
            return self._weight_downloads

    @property
    def default_checkpoint(self) -> str | None:
        """The name of the checkpoint that draws where a request names none, if there is any."""
        names = [ref.name for ref in self.catalog.refs()]
        return self.settings.checkpoint or (names[0] if names else None)

    def status(self) -> dict[str, Any]:
        """For people who watch: `checkpoint`, `state` (starting, loading, warm, failed), the
        `fraction` loaded, `device`, `dtype`, `queue` (jobs that wait or run), `trainings` (that
        wait or learn), `paused` (no more are begun), `warm` (the checkpoints in memory); None where
        all is well: `message` (why it failed), `disk` (why what is drawn cannot be kept).
        """
        checkpoint, state, fraction = self.default_checkpoint, self._state, 0.0
        device, dtype = self.settings.device, self.settings.dtype
        if self._manager:
            in_use, kind, fraction = self._manager.state
            checkpoint = in_use or checkpoint
            state = state if kind == "cold" else kind
            device, dtype = str(self._manager.device), self._manager.precision
        return {
            "checkpoint": checkpoint,
            "state": state,
            "fraction": fraction,
            "device": device,
            "dtype": dtype,
            "queue": self.queue.waiting,
            "trainings": self.trainings.to_do,
            "paused": self.queue.paused,
            "warm": list(self._manager.warm) if self._manager else [],
            "message": self._failure if state == "failed" else None,
            "disk": self.queue.trouble or self._ledger.why_not_durable or self._ledger.trouble,
        }

    def _desk(self) -> Desk:
        return Desk(
            lambda name: self.catalog.find(name or self.settings.checkpoint),
            lambda name: any(ref.name == name for ref in self.catalog.refs("controlnet")),
            self.catalog.sha256_if_it_can_be,
            self.words.wildcards,
            self.detectors,
            lambda data: self.inputs.keep(data).ref,
            *(self.queue.show, partial(exports.file_of, self.gallery), self.sources.read),
        )

    def _keeping(self, comparing: Comparing, ledger: Ledger) -> Keeping:
        return Keeping(
            comparing.keep,
            self.gallery.picture,
            JobLedger(ledger),
            Room(self.gallery.folder),
            hold=lambda drawn, owner: self.gallery.held.hold(comparing.marked(drawn), owner),
            use=self.sources.use,
            judge=self.safety,
        )

    def _gallery(self, outputs: Path | None) -> Gallery:
        notary = self.notary if self.settings.credentials != "off" else None
        return Gallery(outputs or self.settings.outputs_dir, outputs is not None, notary)

    def _library(self, ledger: Ledger) -> Library:
        safety, thumbnails = self.safety, self.settings.thumbnails_dir
        days = lambda: safety.rules.retention_days  # noqa: E731
        return Library(self.gallery, PictureLedger(ledger), thumbnails, days, safety.waits)

    def _comparing(self, ledger: Ledger) -> Comparing:
        mark = marking.marked if self.settings.watermark == "on" else None
        return Comparing(self.library, ReproductionLedger(ledger), self.library.keep, mark)

    def _reproductions(self, comparing: Comparing, settling: Settling) -> Reproductions:
        records = Records(self.catalog, self.reader, self.library, self.inputs)
        of = records, comparing, settling.completed, self._provenance
        return Reproductions(self.queue, *of)

    def _settling(self) -> Settling:
        return Settling(
            self.catalog,
            self.sources,
            check_unit=lambda *unit: self.preprocessors.check(*unit),
            check_detailer=self.detectors.check,
            words=self.words.settled,
            checkpoint=self.settings.checkpoint,
        )

    def _forecasts(self, settling: Settling) -> Forecasts:
        return Forecasts(
            TimingLedger(self._ledger),
            settling.workload,
            lambda checkpoint: self.catalog.find(checkpoint).family.name,
            lambda: self._machine,
            lambda: self._manager.warm if self._manager else (),
        )

    def _allowed(self, request: GenerationRequest, owner: str) -> GenerationRequest:
        """`request`, which is settled, of an account. Raises what `Safety.allowed` raises, and
        `OutOfMemory` where it is known that there is too little for it."""
        memory = self._memory(self.safety.allowed(request, owner))
        if memory and memory.refusal:
            raise memory.refusal
        return request

    def _memory(self, request: GenerationRequest) -> Memory | None:
        """What `request` takes of it, as far as is known."""
        return self._built.memory(request) if self._built else None

    def _provenance(self, request: GenerationRequest) -> Provenance | None:
        """What `request` would be drawn with now, as far as is known."""
        return self._built.provenance(request) if self._built else None

    def _engine(self) -> Engine:
        """For the queue, in its worker thread; tried again with the next job if it raises."""
        self._may_load.wait()
        try:
            engine = self._build_engine()
        except Exception as error:
            self._state, self._failure = "failed", as_text(error)
            raise
        if self._state == "starting":
            self._state = "warm"
        self._built = engine
        self.words.lens.is_ready = True
        if self._warm_up:  # beside the first job, whose words are read by its model
            threading.Thread(target=self._read_words, daemon=True, name="words").start()
        return engine

    def _read_words(self) -> None:
        """What the first look at a prompt, and the first word of it, would have to wait for."""
        self.words.warm_up(self.default_checkpoint)

    def _real_engine(self) -> Engine:
        # Here and not at the top: torch and diffusers take seconds to import.
        with IMPORTING:
            from studio.diffusion.executions import chosen
            from studio.engine.stable_diffusion import StableDiffusionEngine
            from studio.residence.device import describe
            from studio.residence.manager import ModelManager

        settings = self.settings
        manager = ModelManager(
            settings.device, settings.dtype, settings.memory_mode, settings.model_memory_bytes
        )
        machine = f"{describe(manager.device)}, {manager.dtype_name}"
        log.info("Device: %s", machine)
        engine = StableDiffusionEngine(
            manager,
            partial(select, self.catalog),
            self.catalog.sha256_if_it_can_be,
            self.sources.read,
            lambda *unit: self.preprocessors.of_unit(*unit),
            find=self.detectors.find,
            together=settings.most_together,
            execution=chosen(manager.device, settings.compiles, settings.cuda_graphs),
        )
        self._manager = manager
        self._machine = f"{machine}, {settings.memory_mode}"
        if self._warm_up and self.default_checkpoint:
            try:
                engine.warm_up(self.default_checkpoint)
            except errors.StudioError as error:  # others may work; the page says why this did not
                log.error("%s", error)
                self._state, self._failure = "failed", str(error)
        return engine
