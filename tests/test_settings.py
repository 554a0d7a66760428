"""Settings: where a value comes from, and what is said of a wrong one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from studio.settings import InvalidSettings, Settings, assets_dir


def read(tmp_path, flags=None, environment=None, toml=""):
    (tmp_path / "studio.toml").write_text(toml)
    return Settings.read(flags, environment or {}, tmp_path)


def test_flag_before_environment_before_file_before_default(tmp_path):
    toml = "port = 1\nhost = 'file'\ndtype = 'float16'"
    environment = {"STUDIO_PORT": "2", "STUDIO_HOST": "environment", "OTHER_PORT": "9"}
    settings = read(tmp_path, {"port": "3", "host": None}, environment, toml)
    assert (settings.port, settings.host, settings.dtype) == (3, "environment", "float16")
    assert settings.device == "auto"


def test_without_anything_it_is_this_machine_only(tmp_path):
    settings = Settings.read({}, {}, tmp_path)
    assert (settings.bind_host, settings.port) == ("127.0.0.1", 7860)
    assert settings.logins() == {} and settings.models_dir == ()
    assert settings.outputs_dir == settings.data_dir / "outputs"
    assert read(tmp_path, {"listen": True}).bind_host == "0.0.0.0"


def test_lists_from_every_source(tmp_path):
    both = (Path("/a"), Path("/b"))
    assert read(tmp_path, {"models_dir": ("/a", "/b")}).models_dir == both
    environment = {"STUDIO_MODELS_DIR": f"/a{os.pathsep}/b", "STUDIO_AUTH": "ann:a:b,\nbo:ü"}
    settings = read(tmp_path, environment=environment)
    assert settings.models_dir == both
    assert settings.logins() == {"ann": "a:b,", "bo": "ü"}
    assert read(tmp_path, toml='models_dir = ["/a", "/b"]').models_dir == both
    sites = ("https://a.example", "http://b.example:8000")
    assert read(tmp_path, environment={"STUDIO_CORS_ORIGIN": ",".join(sites)}).cors_origin == sites
    assert read(tmp_path, toml=f"cors_origin = {list(sites)}").cors_origin == sites


@pytest.mark.parametrize(
    ("source", "values", "says"),
    [
        ("flags", {"port": "70000"}, "the command line: port: "),
        ("flags", {"device": "tpu"}, "the command line: device: 'tpu'"),
        ("flags", {"auth": ("ann",)}, "the command line: auth"),
        ("flags", {"cors_origin": ("*",)}, "the command line: cors_origin"),
        ("flags", {"cors_origin": ("a.example/b",)}, "the command line: cors_origin"),
        ("environment", {"STUDIO_PORT": "http"}, "the environment: port: 'http'"),
        ("environment", {"STUDIO_DTYPE": "int8"}, "the environment: dtype: 'int8'"),
        ("toml", "ports = 3", "studio.toml: ports: unknown field"),
        ("toml", "port = ", "studio.toml cannot be read"),
    ],
)
def test_a_wrong_value_is_named_with_its_source(tmp_path, source, values, says):
    with pytest.raises(InvalidSettings) as refused:
        read(tmp_path, **{source: values})
    assert says in str(refused.value)


def test_passwords_do_not_show(tmp_path):
    assert "secret" not in repr(read(tmp_path, {"auth": ("ann:secret",)}))


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "holds no login"), ("ann:secret\nbo\n", "line 2"), (":x", "line 1"), (None, "read")],
)
def test_a_broken_login_file_is_explained(tmp_path, text, says):
    path = tmp_path / "logins"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InvalidSettings, match=says):
        Settings(auth_file=path).logins()


def test_the_embedded_model_is_found():
    assert list((assets_dir() / "models").glob("*/model_index.json"))


@pytest.mark.parametrize("value, most", [("auto", None), ("1", 1), (16, 16)])
def test_how_many_jobs_share_their_steps(tmp_path, value, most):
    assert read(tmp_path, {"together": value}).most_together == most


@pytest.mark.parametrize("value", ["0", "17", "many", 2.5])
def test_too_many_jobs_at_once_are_refused(tmp_path, value):
    with pytest.raises(InvalidSettings, match="auto or a whole number from 1 to 16"):
        read(tmp_path, {"together": value})
