"""Weights of preprocessors: what is missing and where from, found in local folders, downloaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from studio.domain.errors import CheckpointError, DownloadError, InvalidRequest
from studio.domain.preprocessors import PREPROCESSORS
from studio.fetching.fetch import Stopped
from studio.preprocessors.loading import annotator
from studio.preprocessors.maps import Preprocessors
from studio.weights.tensor_files import read_tensors
from tests.fetching.model_server import model_server
from tests.preprocessors import networks

PIDINET = "table5_pidinet.pth"


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server of the Hugging Face kind with the files of softedge_pidinet and depth_anything."""
    with model_server() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.delenv("HF_TOKEN", raising=False)
        there = tmp_path / "there"
        networks.write("softedge_pidinet", there)
        networks.write("depth_anything", there)
        repo = "LiheYoung/depth-anything-small-hf"
        server.files["lllyasviel/Annotators/" + PIDINET] = (
            there / "annotators" / PIDINET
        ).read_bytes()
        for name in ("config.json", "model.safetensors"):
            path = there / "depth-anything-small-hf" / name
            server.files[f"{repo}/{name}"] = path.read_bytes()
            server.files[f"depth-anything/Depth-Anything-V2-Small-hf/{name}"] = path.read_bytes()
        yield server


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_those_without_weights_are_ready(preprocessors):
    for name, spec in PREPROCESSORS.items():
        available = preprocessors.available(name)
        assert available.ready == (spec.weights is None) == (available.message == "")


def test_what_is_missing_is_told_with_size_source_and_place(preprocessors, picture, tmp_path):
    told = preprocessors.available("openpose_hand")
    assert told.size_bytes == 209_267_595 + 147_341_049
    with pytest.raises(InvalidRequest) as error:
        preprocessors.run("openpose_hand", picture, picture.size)
    assert (
        str(error.value)
        == told.message
        == (
            "OpenPose (body, hands) needs body_pose_model.pth (209 MB) and hand_pose_model.pth "
            "(147 MB) from https://huggingface.co/lllyasviel/Annotators, to be downloaded or put "
            f"by hand into {tmp_path / 'weights' / 'annotators'}."
        )
    )
    touch(tmp_path / "weights" / "annotators" / "body_pose_model.pth")
    assert preprocessors.available("openpose_hand").size_bytes == 147_341_049
    assert preprocessors.available("openpose").ready
    assert "non-commercial" in told.spec.weights.terms


@pytest.mark.parametrize(
    "place",
    [
        PIDINET,
        "table5_pidinet.safetensors",
        f"annotators/{PIDINET}",
        f"pidinet/{PIDINET}",
        f"ControlNetPreprocessor/pidinet/{PIDINET}",
        f"models--lllyasviel--Annotators/snapshots/982e7eda/{PIDINET}",
    ],
)
def test_a_file_is_found_where_other_programs_keep_it(tmp_path, place):
    path = touch(tmp_path / "theirs" / place)
    preprocessors = Preprocessors([tmp_path / "theirs"], tmp_path / "ours")
    assert preprocessors.available("softedge_pidinet").found == (path,)
    assert not preprocessors.available("softedge_hed").ready


@pytest.mark.parametrize(
    "place",
    [
        "upernet-convnext-small",
        "segmentation/upernet-convnext-small",
        "models--openmmlab--upernet-convnext-small/snapshots/0123",
    ],
)
def test_a_folder_is_found_as_a_whole(tmp_path, place):
    preprocessors = Preprocessors([tmp_path / "theirs"], tmp_path / "ours")
    config = touch(tmp_path / "theirs" / place / "config.json")
    available = preprocessors.available("seg_ade20k")
    assert [file.name for file in available.missing] == ["pytorch_model.bin"]
    weights = touch(config.parent / "model.safetensors")
    assert preprocessors.available("seg_ade20k").found == (config, weights)
    elsewhere = Preprocessors([config.parent], tmp_path / "ours")
    assert elsewhere.available("seg_ade20k").ready == (place != "models--" and "/0123" not in place)


def test_a_download_brings_the_file_and_the_map_is_made(server, picture, tmp_path):
    preprocessors = Preprocessors([], tmp_path / "weights")
    seen = []
    preprocessors.download("softedge_pidinet", seen.append)
    size = len(server.files["lllyasviel/Annotators/" + PIDINET])
    assert seen[-1].done_bytes == seen[-1].total_bytes == size
    assert preprocessors.run("softedge_pidinet", picture, (64, 64)).size == (64, 64)
    asked = len(server.asked)
    preprocessors.download("softedge_pidisafe")  # the same file
    assert len(server.asked) == asked


def test_a_download_that_broke_off_goes_on(server, tmp_path):
    preprocessors = Preprocessors([], tmp_path / "weights")

    def stop(progress):
        if progress.done_bytes > 500_000:
            raise Stopped

    server.slow_s = 0.02
    with pytest.raises(Stopped):
        preprocessors.download("softedge_pidinet", stop)
    assert not preprocessors.available("softedge_pidinet").ready
    server.slow_s = 0
    preprocessors.download("softedge_pidinet")
    assert server.ranges()[-1].startswith("bytes=") and server.ranges()[-1] != "bytes=0-"
    path = tmp_path / "weights" / "annotators" / PIDINET
    assert path.read_bytes() == server.files["lllyasviel/Annotators/" + PIDINET]
    assert [each.name for each in path.parent.iterdir()] == [PIDINET]


def test_a_folder_comes_with_one_progress_for_all(server, picture, tmp_path):
    preprocessors = Preprocessors([], tmp_path / "weights")
    seen = []
    preprocessors.download("depth_anything", seen.append)
    done = [progress.done_bytes for progress in seen]
    assert done == sorted(done) and seen[-1].done_bytes == seen[-1].total_bytes
    folder = tmp_path / "weights" / "depth-anything-small-hf"
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert preprocessors.run("depth_anything", picture, (64, 64)).size == (64, 64)


def test_another_file_than_the_known_one_is_not_kept(server, tmp_path):
    preprocessors = Preprocessors([], tmp_path / "weights")
    with pytest.raises(DownloadError, match="its sha256 is"):
        preprocessors.download("depth_anything_v2")
    assert [f.name for f in preprocessors.available("depth_anything_v2").missing] == [
        "model.safetensors"
    ]


def test_offline_nothing_is_asked_of_the_network(server, picture, tmp_path):
    preprocessors = Preprocessors([], tmp_path / "weights", offline=True)
    with pytest.raises(InvalidRequest, match="offline. Soft edge .* needs table5_pidinet.pth"):
        preprocessors.download("softedge_pidinet")
    with pytest.raises(InvalidRequest, match="needs table5_pidinet.pth"):
        preprocessors.run("softedge_pidinet", picture, picture.size)
    assert server.asked == []
    there = Preprocessors([tmp_path / "there"], tmp_path / "weights", offline=True)
    there.download("softedge_pidinet")  # all is there
    there.run("depth_anything", picture, (64, 64))
    assert server.asked == []


def test_a_converted_file_means_the_same(picture, tmp_path):
    networks.write("softedge_pidinet", tmp_path / "a")
    path = tmp_path / "a" / "annotators" / PIDINET
    (tmp_path / "b").mkdir()
    save_file(read_tensors(path), tmp_path / "b" / "table5_pidinet.safetensors")
    maps = [
        Preprocessors([tmp_path / folder], tmp_path).run("softedge_pidinet", picture, (64, 64))
        for folder in "ab"
    ]
    assert maps[0].tobytes() == maps[1].tobytes()


def test_a_file_of_something_else_is_told(picture, tmp_path):
    path = touch(tmp_path / PIDINET)
    preprocessors = Preprocessors([tmp_path], tmp_path)
    with pytest.raises(CheckpointError, match="table5_pidinet.pth was refused"):
        preprocessors.run("softedge_pidinet", picture, picture.size)
    torch.save(annotator("lineart").Generator(3, 1, 3).state_dict(), path)
    with pytest.raises(CheckpointError, match="is not what it is called.*download it again"):
        preprocessors.run("softedge_pidinet", picture, picture.size)


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("evil-was-here"),))


def test_a_file_with_a_program_in_it_is_refused(picture, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Evil()}, tmp_path / PIDINET)
    with pytest.raises(CheckpointError, match="refused"):
        Preprocessors([tmp_path], tmp_path).run("softedge_pidinet", picture, picture.size)
    assert not (tmp_path / "evil-was-here").exists()


def test_a_folder_that_lacks_weights_is_not_filled_with_chance(picture, tmp_path):
    networks.write("depth_anything", tmp_path)
    path = tmp_path / "depth-anything-small-hf" / "model.safetensors"
    tensors = read_tensors(path)
    del tensors["head.conv3.bias"]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="it lacks head.conv3.bias"):
        Preprocessors([tmp_path], tmp_path).run("depth_anything", picture, (64, 64))


def test_known_sums_are_sums():
    for spec in PREPROCESSORS.values():
        for file in spec.weights.files if spec.weights else ():
            assert (
                file.sha256 is None
                or len(bytes.fromhex(file.sha256)) == hashlib.sha256().digest_size
            )
