"""A header is checked before any library sees the file, and a wrong file is told by its content."""

import json
import os

import pytest
import torch
from safetensors.torch import save_file

from studio.catalog.header import MAX_HEADER_BYTES, read_header
from studio.domain.errors import CheckpointError
from studio.settings import assets_dir

UNET = assets_dir() / "models/picturebook/unet/diffusion_pytorch_model.safetensors"


def written(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def tensor(start, end, shape=None, dtype="U8"):
    shape = [end - start] if shape is None else shape
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def test_it_says_what_the_library_says():
    header = read_header(UNET)
    from safetensors import safe_open

    with safe_open(UNET, framework="pt") as file:
        assert set(header.tensors) == set(file.keys())
        for name, info in header.tensors.items():
            assert tuple(file.get_slice(name).get_shape()) == info.shape
    assert header.dtype == "float16"
    assert header.data_offset + header.data_bytes == UNET.stat().st_size


def test_every_dtype_of_the_library_is_known(tmp_path):
    dtypes = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool,
              torch.float8_e4m3fn, torch.float8_e5m2, torch.uint8, torch.complex64)  # fmt: skip
    for dtype in dtypes:
        save_file({"a": torch.zeros(3, 2).to(dtype), "scalar": torch.zeros(()).to(dtype)},
                  tmp_path / "x.safetensors", metadata={"title": "ä"})  # fmt: skip
        header = read_header(tmp_path / "x.safetensors")
        assert f"torch.{header.dtype}" == str(dtype)
        assert header.metadata == {"title": "ä"}
        assert header.tensors["scalar"].shape == ()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\0" * 4096, "only zeros"),
        (b"\1\0\0", "only 3 bytes"),
        (b"PK\x03\x04" + b"x" * 100, "pickle or another zip"),
        (b"\x80\x02}q\x00X\x05\x00\x00\x00hello", "Python pickle"),
        (b"\x80\x04\x95" + b"\0" * 20, "Python pickle"),
        (b"<!DOCTYPE html><html>Log in</html>", "web page"),
        (b"\n <html>", "web page"),
        (b'{"error": "Unauthorized"}', "JSON"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "git lfs pull"),
        (b"GGUF\x03\x00\x00\x00", "GGUF"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "gzip"),
        (b"just some words that are no model", "no safetensors file"),
    ],
)
def test_another_kind_of_file_is_told_by_its_content(tmp_path, content, says):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=says) as caught:
        read_header(path)
    assert "model.safetensors" in str(caught.value)


@pytest.mark.parametrize(
    ("header", "data", "says"),
    [
        ({"a": tensor(0, 9)}, b"1234", "cut short"),
        ({"a": tensor(0, 2)}, b"1234", "belong to no tensor"),
        ({"a": tensor(0, 3), "b": tensor(2, 4)}, b"1234", "overlap"),
        ({"a": tensor(0, 2), "b": tensor(0, 2)}, b"1234", "overlap"),
        ({"a": tensor(0, 1), "b": tensor(3, 4)}, b"1234", "holes"),
        ({"a": tensor(1, 4)}, b"1234", "holes"),
        ({"a": tensor(0, 4, [3])}, b"1234", "do not fit"),
        ({"a": tensor(0, 4, dtype="F16")}, b"1234", "do not fit"),
        ({"a": tensor(0, 4, dtype="FLOAT")}, b"1234", "do not fit"),
        ({"a": tensor(0, 4, [-2, -2])}, b"1234", "do not fit"),
        ({"a": tensor(0, 4, [4.0])}, b"1234", "no whole number"),
        ({"a": tensor(0, 1, [True])}, b"1", "no whole number"),
        ({"a": tensor(0, 1, [1] * 999)}, b"1", "do not fit"),
        ({"a": tensor(4, 0, [-4])}, b"", "do not fit"),
        ({"a": 1}, b"", "none of a tensor"),
        ({"a": {"dtype": "U8"}}, b"", "none of a tensor"),
        ({"a": tensor(0, 1) | {"extra": 1}}, b"1", "none of a tensor"),
        ({"__metadata__": {"a": 1}}, b"", "metadata"),
        ({"__metadata__": [1]}, b"", "metadata"),
        (b'{"a":NaN}', b"", "no JSON"),
        (b'{"a":' + b"[" * 5000, b"", "no JSON"),
        (b'{"a":' + b"9" * 5000 + b"}", b"", "no JSON"),
        (b"{ ", b"", "no JSON"),
        (b'{"\xff":1}', b"", "no JSON"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path, header, data, says):
    with pytest.raises(CheckpointError, match=says):
        read_header(written(tmp_path / "x.safetensors", header, data))


def test_a_file_cut_anywhere_is_refused(tmp_path):
    whole = written(tmp_path / "x.safetensors", {"a": tensor(0, 40)}, bytes(40)).read_bytes()
    for length in range(len(whole)):
        (tmp_path / "cut.safetensors").write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            read_header(tmp_path / "cut.safetensors")


def test_a_header_bomb_is_refused_unread(tmp_path):
    path = tmp_path / "bomb.safetensors"
    path.write_bytes((MAX_HEADER_BYTES + 1).to_bytes(8, "little") + b'{"a":')
    os.truncate(path, 10 * MAX_HEADER_BYTES)
    # Read, its zeros would be called something else.
    with pytest.raises(CheckpointError, match="claims a header"):
        read_header(path)


def test_what_cannot_be_read_says_why(tmp_path):
    with pytest.raises(CheckpointError, match="No such file"):
        read_header(tmp_path / "missing.safetensors")
    with pytest.raises(CheckpointError, match="no regular file"):
        read_header(tmp_path)
