"""How the studio was started: one frozen record, read once and passed down.

A value comes from the command line's flag, else from the environment (`STUDIO_PORT`), else from
`studio.toml` (in the working directory, or in the platform's configuration folder), else from the
default that is declared here.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from studio.domain.errors import InvalidRequest, explain

APP_NAME = "latent-studio"
ENVIRONMENT_PREFIX = "STUDIO_"

Origin = Annotated[str, Field(pattern=r"^https?://[^/\s*]+$")]
Login = Annotated[str, Field(pattern=r"^[^:\n]+:[^\n]+$")]


class InvalidSettings(InvalidRequest):
    """A flag, an environment variable or `studio.toml` holds what cannot be."""


class Settings(BaseModel):
    """Every field is a flag of the command line (`--models-dir`), an environment variable
    (`STUDIO_MODELS_DIR`) and a key of `studio.toml` (`models_dir`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(
        "127.0.0.1", min_length=1, description="Address to listen on; this machine only by default."
    )
    port: int = Field(7860, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    listen: bool = Field(
        False, description="Listen on all interfaces: everybody on the network can reach the page."
    )
    no_auth: bool = Field(
        False, description="Let everybody in without a login who can reach the address."
    )
    share: bool = Field(
        False,
        description="Open Gradio's tunnel: whoever has its link reaches the studio from anywhere. "
        "Needs a login.",
    )
    allow_host: tuple[str, ...] = Field(
        (), description="Host name under which a proxy serves the studio. Repeatable."
    )
    trusted_proxy: tuple[str, ...] = Field(
        (),
        description="Address or network of a proxy whose X-Forwarded headers are believed. "
        "Repeatable.",
    )
    cors_origin: tuple[Origin, ...] = Field(
        (),
        description="Another site whose pages may use the studio, as https://site.example. "
        "Repeatable.",
    )
    auth: tuple[Login, ...] = Field(
        (), repr=False, description="A login as user:password. Repeatable."
    )
    auth_file: Path | None = Field(None, description="File with one user:password a line.")
    models_dir: tuple[Path, ...] = Field(
        (), description="Folder with models, searched besides the embedded model. Repeatable."
    )
    pictures_dir: tuple[Path, ...] = Field(
        (),
        description="Folder whose folders can be trained on from the page. Repeatable.",
    )
    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir(APP_NAME, appauthor=False)),
        description="Folder for all that the studio writes. Default: your platform's data folder.",
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        description="auto, cuda, cuda:1, mps or cpu. auto takes the first there is.",
    )
    dtype: Literal["auto", "float16", "bfloat16", "float32"] = Field(
        "auto", description="auto, float16, bfloat16 or float32. auto suits the device."
    )
    memory_mode: Literal["auto", "device", "offload", "partial", "sequential", "fp8"] = Field(
        "auto",
        description="What stays on the device: device = all of a model, offload = the part at "
        "work, partial = of its U-Net what fits, sequential = of its U-Net the blocks at work and "
        "the next, fp8 = all, the U-Net in eight bits: other pictures, of about 30 dB PSNR to "
        "those of the other modes. auto suits the free memory.",
    )
    compile: bool = Field(
        False,
        description="Compile the blocks that a U-Net repeats, in the background while pictures are "
        "drawn as before; kept in the data folder. Needs a compiler for C or C++. Pictures differ "
        "in the last bits.",
    )
    compile_whole: bool = Field(
        False,
        description="As compile, and then the whole call of a U-Net for each size, which takes "
        "longer. Not measured on a GPU yet.",
    )
    cuda_graphs: bool = Field(
        False,
        description="Record calls of a U-Net as CUDA graphs, for each size, and replay them. An "
        "NVIDIA GPU only, and not measured on one yet.",
    )
    together: str = Field(
        "auto",
        description="How many jobs may share their steps: auto, as many as it pays for, or 1 to "
        "16.",
    )
    swap_patience: float = Field(
        30.0,
        ge=0,
        allow_inf_nan=False,
        description="For how many seconds a job may be put off so that jobs go first whose "
        "checkpoint is loaded.",
    )
    model_memory: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="GiB of host memory for checkpoints used before. Default: what is free.",
    )
    checkpoint: str | None = Field(
        None, description="The model that draws where a request names none."
    )
    watermark: Literal["on", "off"] = Field(
        "on",
        description="Whether what is drawn carries an invisible mark that tells where it comes "
        "from: on or off.",
    )
    safety_filter: Literal["off", "blur", "block"] | None = Field(
        None,
        description="What a filter for nudity does with what is drawn, for everybody: off, blur "
        "(until a click) or block (it is not kept). Default: as the Safety page says.",
    )
    class_mode: bool = Field(
        False,
        description="Serve a class: pictures of pupils wait until the owner, their teacher, lets "
        "others see them, a list of words is forbidden, the watermark stays on. Needs logins.",
    )
    owner: str | None = Field(
        None,
        pattern=r"^[^:\n]+$",
        description="The login that may change what is allowed. Default: the first there is.",
    )
    credentials: Literal["on", "prompt", "off"] = Field(
        "on",
        description="Whether files of pictures carry signed content credentials (C2PA): on, prompt "
        "(with the prompts in them), or off.",
    )
    source_thumbnail: Literal["on", "off"] | None = Field(
        None,
        description="Whether the credentials of an edit show, small, the picture that it was made "
        "from: on or off. Default: as the Safety page says, which is on.",
    )
    signing_key: Path | None = Field(
        None,
        description="Private key that signs them, as PEM. Default: one of this installation's own.",
    )
    signing_certificate: Path | None = Field(
        None, description="Its certificate as PEM, those that vouch for it after it."
    )
    mcp: bool = Field(
        False, description="Serve Gradio's endpoints as MCP tools too, at /gradio_api/mcp."
    )
    no_browser: bool = Field(False, description="Do not open the page in a browser.")

    @field_validator("together", mode="before")
    @classmethod
    def _is_a_number_or_auto(cls, value: Any) -> Any:
        if str(value) not in ("auto", *map(str, range(1, 17))):
            raise ValueError("it is auto or a whole number from 1 to 16.")
        return str(value)

    @field_validator("data_dir", "auth_file", "models_dir", "signing_key", "signing_certificate")
    @classmethod
    def _expand_home(cls, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(path.expanduser() for path in value)
        return value.expanduser() if value else value

    @classmethod
    def read(
        cls,
        flags: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        flags_are: str = "the command line",
    ) -> Settings:
        """Join `flags` (None = not given), `environment` (default: the process's) and the
        `studio.toml` in `folder` (default: the working directory, then the platform's).
        `flags_are` is what messages call the first.

        Raises `InvalidSettings`, which names the source, the key and what is allowed.
        """
        environment = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for source, given in (
            _from_file(folder),
            ("the environment", _from_environment(environment)),
            (flags_are, {k: v for k, v in (flags or {}).items() if v is not None}),
        ):
            try:
                cls.model_validate(given)
            except ValidationError as error:
                raise InvalidSettings(f"In {source}: {explain(error)}") from None
            values |= given
        return cls.model_validate(values)

    @classmethod
    def given(cls, whole: Settings | None, options: Mapping[str, Any]) -> Settings:
        """`whole`, or what `read` makes of single `options` of a call. Raises `InvalidSettings`,
        and TypeError for both."""
        if whole and options:
            raise TypeError(f"Give either settings or {', '.join(options)}, not both.")
        return whole or cls.read(options, flags_are="Studio(…)")

    @property
    def compiles(self) -> Literal["", "blocks", "wholes"]:
        """What of a U-Net is compiled."""
        return "wholes" if self.compile_whole else "blocks" if self.compile else ""

    @property
    def bind_host(self) -> str:
        """The address to listen on."""
        return "0.0.0.0" if self.listen else self.host

    @property
    def most_together(self) -> int | None:
        """None: as many as it pays for."""
        return None if self.together == "auto" else int(self.together)

    @property
    def outputs_dir(self) -> Path:
        return self.data_dir / "outputs"

    @property
    def inputs_dir(self) -> Path:
        """Pictures and masks that requests begin with."""
        return self.data_dir / "inputs"

    @property
    def provenance_dir(self) -> Path:
        """The key that signs pictures."""
        return self.data_dir / "provenance"

    @property
    def thumbnails_dir(self) -> Path:
        """Small copies of pictures, made again where they are missing."""
        return self.data_dir / "thumbnails"

    @property
    def temporary_dir(self) -> Path:
        """What Gradio writes; emptied when the page is made."""
        return self.data_dir / "temporary"

    @property
    def tunnel_dir(self) -> Path:
        """The program that opens the tunnel, and the certificate of its other end."""
        return self.data_dir / "tunnel"

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where this studio reads and writes, and where it is installed."""
        return (
            *self.models_dir,
            *self.pictures_dir,
            self.downloads_dir,
            self.data_dir,
            shipped("assets") / "models",
            shipped("assets"),
            Path(__file__).parents[1],
            Path(sys.prefix),
            Path.home(),
        )

    @property
    def model_memory_bytes(self) -> int | None:
        return None if self.model_memory is None else int(self.model_memory * 2**30)

    @property
    def downloads_dir(self) -> Path:
        """Where downloaded models go; a models folder like the others."""
        return self.data_dir / "models"

    @property
    def presets_folders(self) -> tuple[Path, Path]:
        """Styles, presets and wildcards: those that are shipped, then the user's own."""
        return shipped("presets"), self.data_dir / "presets"

    @property
    def preprocessors_dir(self) -> Path:
        """Where the weights of preprocessors go."""
        return self.data_dir / "preprocessors"

    @property
    def training_dir(self) -> Path:
        """What trainings keep, to go on where they stopped."""
        return self.data_dir / "training"

    @property
    def compiled_dir(self) -> Path:
        """What was compiled, made again where it is missing."""
        return self.data_dir / "compiled"

    @property
    def sets_dir(self) -> Path:
        """Sets of pictures to train on, besides those in `pictures_dir`."""
        return self.data_dir / "training-sets"

    @property
    def detectors_dir(self) -> Path:
        """Where the networks of detectors go that are downloaded."""
        return self.data_dir / "detectors"

    def logins(self) -> dict[str, str]:
        """User -> password, from `auth` and `auth_file`; empty means that no login is needed.

        Raises `InvalidSettings` if the file cannot be read, has a line that is no login, or
        holds none at all.
        """
        lines = list(self.auth)
        if self.auth_file:
            lines += _logins_in(self.auth_file)
        return dict(line.split(":", 1) for line in lines)


def owner_of(settings: Settings) -> str | None:
    """The login that may change what is allowed; None: there are no logins. Raises
    `InvalidSettings` where it is none of them."""
    logins = settings.logins()
    if settings.owner is not None and settings.owner not in logins:
        raise InvalidSettings(
            f"owner: there is no login {settings.owner!r}. Name one of those given with --auth or "
            "--auth-file."
        )
    return settings.owner or next(iter(logins), None)


def prepare_environment(settings: Settings) -> None:
    """What the libraries read when they are imported: nothing goes to another host, nothing is
    run that came with a model, temporary files stay in our folder."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_RUN_HISTORY"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["DIFFUSERS_DISABLE_REMOTE_CODE"] = "1"
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("GRADIO_TEMP_DIR", str(settings.temporary_dir))
    if settings.compiles:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(settings.compiled_dir))
    own = {"localhost", "127.0.0.1"} | set(filter(None, os.environ.get("NO_PROXY", "").split(",")))
    os.environ["NO_PROXY"] = ",".join(sorted(own))


def shipped(name: Literal["assets", "benchmarks", "presets"]) -> Path:
    """A folder that comes with the studio: beside the package in a checkout, inside it when
    installed."""
    package = Path(__file__).resolve().parent
    installed = package / "_shipped" / name
    return installed if installed.is_dir() else package.parent / name


def assets_dir() -> Path:
    """Where the embedded model lies, in `models/`."""
    return shipped("assets")


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Lists are separated as in PATH for folders, by commas for host names and origins, by lines
    for logins."""
    commas = dict.fromkeys(("allow_host", "trusted_proxy", "cors_origin"), ",")
    separators = {"models_dir": os.pathsep, "pictures_dir": os.pathsep, "auth": "\n"} | commas
    values: dict[str, Any] = {}
    for name in Settings.model_fields:
        text = environment.get(ENVIRONMENT_PREFIX + name.upper(), "")
        if text and name in separators:
            values[name] = tuple(part for part in text.split(separators[name]) if part)
        elif text:
            values[name] = text
    return values


def _from_file(folder: Path | None) -> tuple[str, dict[str, Any]]:
    """The file's name for messages, and what it holds; empty where there is none."""
    config_dir = Path(platformdirs.user_config_dir(APP_NAME, appauthor=False))
    for candidate in [folder] if folder else [Path.cwd(), config_dir]:
        path = candidate / "studio.toml"
        try:
            return str(path), tomllib.loads(path.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidSettings(
                f"{path} cannot be read: {error}. Correct or remove it."
            ) from None
    return "studio.toml", {}


def _logins_in(path: Path) -> list[str]:
    try:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    except OSError as error:
        raise InvalidSettings(f"auth_file: {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidSettings(f"auth_file: {path} is not UTF-8 text. Save it as such.") from None
    logins = [line for line in lines if line and not line.startswith("#")]
    for number, line in enumerate(lines, 1):
        if line in logins and not all(line.partition(":")):
            raise InvalidSettings(f"auth_file: line {number} of {path} is not user:password.")
    if not logins:
        raise InvalidSettings(f"auth_file: {path} holds no login. Write one user:password a line.")
    return logins
