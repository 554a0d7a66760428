"""What evaluate measures with: prompts, the judge's marks, the width of edges, the journal."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import ImageFilter

from studio.picturebook import cases, evaluate
from studio.picturebook.journal import Journal
from studio.picturebook.judge import Judge
from studio.picturebook.sharpness import edge_width
from studio.picturebook.train_vae import to_tensor

SIDE = 128


def drawn(scenes):
    return np.stack([np.asarray(scene.draw((SIDE, SIDE))) for scene in scenes])


def test_an_edge_is_as_wide_as_it_takes_to_change():
    step = np.zeros((20, 40, 3), np.uint8)
    step[:, 20:] = 255
    assert edge_width(step) == 1
    step[:, 20] = 128
    assert edge_width(step) == pytest.approx(255 / 128, abs=0.01)
    sky = np.linspace(0, 255, 200).astype(np.uint8)[:, None, None].repeat(3, 2).repeat(9, 1)
    assert np.isnan(edge_width(sky)), "what grows lighter slowly is no edge"
    sharp = cases.with_extras(1)[0][1].draw((SIDE, SIDE))
    widths = [edge_width(np.asarray(sharp.filter(ImageFilter.GaussianBlur(r)))) for r in (0, 1, 2)]
    assert 1.3 * widths[0] < widths[1] < widths[2] / 1.3


def test_the_judge_finds_in_drawn_scenes_what_their_prompts_ask_for():
    judge = Judge.load()
    pairs, extras = cases.two_objects(16), cases.with_extras(16)
    for prompt, scene in pairs:
        assert all(f"{item.colour} {item.object}" in prompt for item in scene.items)
        assert len({item.object for item in scene.items}) == 2
    scenes = [scene for _, scene in pairs]
    marks = cases.judged_together(judge, to_tensor(drawn(scenes)), scenes)
    shares = {name: np.mean([mark[name] for mark in marks]) for name in marks[0]}
    assert min(shares.values()) >= 0.93, shares
    # The same pictures for scenes whose two objects have changed their colours.
    first, second = zip(*(scene.items for scene in scenes), strict=True)
    turned = [
        replace(s, items=(replace(a, colour=b.colour), replace(b, colour=a.colour)))
        for s, a, b in zip(scenes, first, second, strict=True)
    ]
    marks = cases.judged_together(judge, to_tensor(drawn(scenes)), turned)
    assert not any(mark["colours"] for mark in marks)
    assert sum(mark["objects"] for mark in marks) >= 15
    scenes = [scene for _, scene in extras]
    assert all(name in prompt for prompt, scene in extras for name in scene.extras)
    marks = cases.judged_extras(judge, to_tensor(drawn(scenes)), scenes)
    assert np.mean([mark["extras"] for mark in marks]) >= 0.8
    assert all(mark["style"] for mark in marks)


def test_a_journal_goes_on_where_it_was_stopped(tmp_path):
    path = tmp_path / "kept" / "journal.jsonl"
    journal = Journal(path, {"steps": 15})
    journal.add("trained", {0: {"colour": True}, 1: {"colour": False}})
    assert journal.figure("psnr", lambda: 32.5) == 32.5
    with path.open("a") as file:
        file.write('{"line": "trained", "num')  # stopped while it wrote
    again = Journal(path, {"steps": 15})
    assert again.marks("trained") == {0: {"colour": True}, 1: {"colour": False}}
    again.add("trained", {2: {"colour": True}})
    last = Journal(path, {"steps": 15})
    assert len(last.marks("trained")) == 3
    assert last.figure("psnr", lambda: pytest.fail("it was known")) == 32.5
    with pytest.raises(SystemExit, match=r"other settings \(steps\)"):
        Journal(path, {"steps": 4})


def test_evaluate_goes_on_from_its_journal_and_draws_nothing_twice(tmp_path, capsys):
    kept = tmp_path / "journal.jsonl"
    command = ["--steps", "2", "--side", "64", "--batch", "2", "--journal", str(kept)]
    command += ["--line", "trained", "--line", "extras", "--line", "few words"]
    assert evaluate.main([*command, "--count", "2", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["lines"].keys() == {"trained", "extras", "few words"}
    assert first["lines"]["extras"]["edge_px"] >= 1 and "judge" not in first
    assert evaluate.main([*command, "--count", "3", "--sheet", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert told.err.splitlines() == ["trained: 3/3", "extras: 3/3", "few words: 3/3"]
    assert "trained pairs" in told.out and "px wide" in told.out
    assert (tmp_path / "evaluate-few-words.png").stat().st_size > 1000
    assert (
        len([line for line in kept.read_text().splitlines() if line]) == 1 + 9 + 2
    )  # pictures; drawn scenes of two counts
