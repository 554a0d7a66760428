"""Measures picturebook: `python -m studio.picturebook.evaluate [--count 300] [--json]`.

Pictures are made for prompts, and a small classifier (the judge) says whether they show what the
prompts ask for. With `--journal FILE` what was found is kept there, picture by picture: stopped and
called again, with a larger `--count` too, it goes on.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.picturebook import cases, sampling, sheets, train_vae
from studio.picturebook.cases import ASPECTS, NEUTRAL, judged, one_object
from studio.picturebook.journal import Journal
from studio.picturebook.judge import JUDGE_DIR, Judge
from studio.picturebook.larger import WAYS, larger_pictures
from studio.picturebook.loading import load_parts
from studio.picturebook.low_rank import merge_low_rank
from studio.picturebook.sharpness import edge_width
from studio.picturebook.train_judge import held_out_accuracy, mountain_errors, train_judge
from studio.picturebook.training import MODEL_DIR
from studio.picturebook.world import HELD_OUT, TRAINED


@dataclass(frozen=True)
class Line:
    """A line of the figures: `cases(count)` are its prompts with the scenes they ask for, `marks`
    says of pictures what is right, one {name: 0..1} a picture; seeds count from `first_seed`."""

    cases: Callable
    marks: Callable
    first_seed: int
    negative: str = ""


def _neutral(kind, count):
    texts = NEUTRAL[kind]
    return [(texts[k % len(texts)], None) for k in range(count)]


def _extras_and_edges(judge, pictures, scenes):
    """The marks of the extras, and the edge widths of the pictures and of the scenes as drawn."""
    size = pictures.shape[3], pictures.shape[2]
    return [
        {
            **mark,
            "edge_px": edge_width(picture),
            "drawn_edge_px": edge_width(np.asarray(scene.draw(size))),
        }
        for mark, picture, scene in zip(
            cases.judged_extras(judge, pictures, scenes),
            train_vae.as_bytes(pictures),
            scenes,
            strict=True,
        )
    ]


LINES = {
    "trained": Line(partial(one_object, TRAINED, seed=1), judged, 1000),
    "held out": Line(partial(one_object, HELD_OUT, seed=2), judged, 2000),
    "two objects": Line(cases.two_objects, cases.judged_together, 3000),
    "extras": Line(cases.with_extras, _extras_and_edges, 4000),
    **{
        f"{kind}{', no mountains' if negative else ''}": Line(
            partial(_neutral, kind), cases.judged_mountains, 9000, negative
        )
        for kind in NEUTRAL
        for negative in ("", "mountains")
    },
}


def pictures_of(parts, prompts, options, negative="", seeds=None):
    """float (prompts, 3, side, side) in -1..1, sampled in batches of `options.batch`; `seeds`
    one integer a prompt."""
    side = getattr(options, "side", 0) or parts["unet"].config.sample_size * 8
    seeds = range(len(prompts)) if seeds is None else seeds
    batches = []
    for start in range(0, len(prompts), options.batch):
        chunk = slice(start, start + options.batch)
        given = {"size": (side, side), "seeds": seeds[chunk], "steps": options.steps}
        if getattr(options, "quick", None):
            batches.append(sampling.sample_few(parts, prompts[chunk], **given))
            continue
        given |= {"negative": negative, "guidance": options.guidance}
        batches.append(sampling.sample(parts, prompts[chunk], **given))
    return torch.cat(batches)


MORE = ("two objects", "extras")
"""Lines of which what the judge says of drawn scenes is told too."""


def marks_of(line, parts, judge, options, journal):
    """The marks of `options.count` pictures of the line: {name: mean}, each 0..1 or a width."""
    asked, known = LINES[line].cases(options.count), journal.marks(line)
    missing = [k for k in range(options.count) if k not in known]
    shown = []
    for start in range(0, len(missing), options.batch):
        chunk = missing[start : start + options.batch]
        seeds = [LINES[line].first_seed + k for k in chunk]
        prompts, scenes = zip(*(asked[k] for k in chunk), strict=True)
        pictures = pictures_of(parts, prompts, options, LINES[line].negative, seeds)
        marks = LINES[line].marks(judge, pictures, scenes)
        journal.add(line, dict(zip(chunk, marks, strict=True)))
        done = options.count - len(missing) + start + len(chunk)
        print(f"{line}: {done}/{options.count}", file=sys.stderr, flush=True)
        shown.append(pictures[: max(0, 48 - start)])
    if options.sheet and shown:
        name = line.replace(", ", "-").replace(" ", "-")
        sheets.save(Path(options.sheet) / f"evaluate-{name}.png", torch.cat(shown)[:48], 8)
    return _means([known[k] for k in range(options.count)])


def _means(marks):
    """{name: the mean of what is a number}."""
    return {name: float(np.nanmean([float(mark[name]) for mark in marks])) for name in marks[0]}


def drawn_marks(line, judge, count, side):
    """{name: mean} of what the judge says of the line's own scenes, drawn: pictures can hardly be
    found better."""
    scenes = [scene for _, scene in LINES[line].cases(count)]
    drawn = np.stack([np.asarray(scene.draw((side, side))) for scene in scenes])
    return _means(LINES[line].marks(judge, train_vae.to_tensor(drawn), scenes))


def vae_psnr(vae, native, count=64):
    """PSNR in dB of encode and decode, the mean over `count` unseen scenes."""
    device = next(vae.parameters()).device.type
    pictures = train_vae.unseen_batch(native, count)
    return train_vae.psnr(train_vae.reconstruct(vae, pictures, device), pictures)


def parser():
    """The command line."""
    arguments = argparse.ArgumentParser(prog="python -m studio.picturebook.evaluate")
    arguments.description = __doc__.partition("\n")[0]
    arguments.add_argument("--model", type=Path, default=MODEL_DIR)
    arguments.add_argument("--judge", type=Path, default=JUDGE_DIR)
    arguments.add_argument("--retrain-judge", action="store_true", help="train the judge anew")
    arguments.add_argument("--judge-minutes", type=float, default=4)
    arguments.add_argument("--count", type=int, default=300, help="prompts of each line")
    arguments.add_argument("--line", action="append", choices=LINES, help="repeatable; all if none")
    arguments.add_argument("--journal", type=Path, help="file that keeps what was found")
    arguments.add_argument("--side", type=int, default=0, help="of the pictures, px; 0 = native")
    arguments.add_argument("--steps", type=int, default=15)
    arguments.add_argument(
        "--quick", type=Path, help="a LoRA to draw with, by LCM without guidance"
    )
    arguments.add_argument("--guidance", type=float, default=PICTUREBOOK.guidance_scale)
    arguments.add_argument("--batch", type=int, default=10)
    arguments.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments.add_argument("--sheet", help="folder for sheets of the pictures drawn")
    arguments.add_argument(
        "--hires", action="store_true", help="measure pictures of twice the size instead"
    )
    arguments.add_argument("--json", action="store_true")
    return arguments


def _weights(*folders):
    """A name for the weights in these folders: 12 hex digits."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in folders for path in folder.rglob("*.safetensors")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def measure(options):
    """All figures in one dictionary; shares are 0..1, PSNR in dB, widths in pixels. With lines
    chosen: theirs alone."""
    start = time.monotonic()
    parts = load_parts(options.model, options.device)
    if options.quick:
        merge_low_rank(parts["unet"], options.quick)
    native = parts["unet"].config.sample_size * 8
    options.side = options.side or native
    if options.retrain_judge:
        judge, _ = train_judge(parts["vae"], native, options.judge_minutes)
        judge.save(options.judge)
    judge = Judge.load(options.judge)
    folders = [options.model / name for name in ("unet", "text_encoder", "vae")]
    settings = {
        "model": _weights(*folders),
        "judge": _weights(options.judge),
        "quick": str(options.quick or ""),
        **{name: getattr(options, name) for name in ("side", "steps", "guidance")},
    }
    journal = Journal(options.journal, settings)
    chosen = options.line or list(LINES)
    lines = {line: marks_of(line, parts, judge, options, journal) for line in chosen}
    few, bare = min(200, options.count), min(600, 2 * options.count)
    drawn = {
        line: journal.figure(
            f"{line}, {few} drawn", partial(drawn_marks, line, judge, few, options.side)
        )
        for line in chosen
        if line in MORE
    }
    figures = {"prompts": options.count, "side": options.side, "lines": lines, "drawn": drawn}
    finds = {
        "judge": partial(held_out_accuracy, judge, native),
        f"mountains of {bare} scenes": partial(mountain_errors, judge, parts["vae"], native, bare),
        "vae_psnr_db": partial(vae_psnr, parts["vae"], native),
    }
    if options.line is None:
        found = [journal.figure(name, find) for name, find in finds.items()]
        names = ("judge", "judge_mountains", "vae_psnr_db")
        figures |= dict(zip(names, found, strict=True))
    return {**figures, "elapsed_s": round(time.monotonic() - start, 1)}


def measure_hires(options):
    """{"hires" | "plain": {aspect: share}}: of pictures of twice the size, drawn twice and at
    once."""
    native = PICTUREBOOK.native_size[0]
    asked = one_object(TRAINED, options.count, 1)
    pictures = larger_pictures([p for p, _ in asked], options.steps, native, options.device)
    judge = Judge.load(options.judge)
    table = {}
    for way in WAYS:
        marks = judged(judge, pictures[way], [scene for _, scene in asked])
        table[way] = {a: float(np.mean([m[a] for m in marks])) for a in ASPECTS}
    return table


def report_hires(table):
    """The figures of `measure_hires` as a table."""
    lines = ["twice the size" + "".join(f"{a:>9}" for a in ASPECTS)]
    lines += [f"{way:<14}" + "".join(f"{table[way][a]:9.1%}" for a in ASPECTS) for way in WAYS]
    return "\n".join(lines)


def report(figures):
    """The figures as a table."""
    lines = _report_judge(figures) if "judge" in figures else []
    found = figures["lines"]
    lines.append(f"{figures['prompts']} prompts each" + "".join(f"{a:>9}" for a in ASPECTS))
    for name in [name for name in ("trained", "held out") if name in found]:
        shares = "".join(f"{found[name][a]:9.1%}" for a in ASPECTS)
        lines.append(f"{name + ' pairs':<{len(str(figures['prompts'])) + 13}}{shares}")
    lines += _report_more(found, figures["drawn"])
    for kind in [kind for kind in NEUTRAL if kind in found]:
        without = found[kind]["mountains"]
        told = f"mountains, prompts of {kind}: {without:.1%} of pictures"
        if negative := found.get(f"{kind}, no mountains"):
            told += f', {negative["mountains"]:.1%} with the negative prompt "mountains"'
            if without:
                told += f" (lowered by {1 - negative['mountains'] / without:.0%})"
        lines.append(told)
    return "\n".join(lines)


def _report_judge(figures):
    errors = figures["judge_mountains"]
    mountains = (
        f"  mountains in scenes without objects: imagined in {errors['imagined']:.1%} of those "
        f"without, missed in {errors['missed']:.1%} of those with"
    )
    return [
        "judge's own accuracy on held-out drawn scenes:",
        *(f"  {name:<8} {share:6.1%}" for name, share in figures["judge"].items()),
        mountains,
        f"VAE on unseen scenes: {figures['vae_psnr_db']:.2f} dB",
    ]


def _report_more(found, drawn):
    """The lines of two objects and of extras; in brackets what the judge finds in drawn scenes."""
    lines = []
    if pairs := found.get("two objects"):
        told = [
            f"{text} {pairs[name]:.1%} ({drawn['two objects'][name]:.1%})"
            for name, text in (
                ("objects", "both there"),
                ("colours", "each in its own colour"),
                ("places", "each at its own place"),
            )
        ]
        lines.append(f"two objects: {', '.join(told)}")
    if extras := found.get("extras"):
        lines.append(
            f"extras all there {extras['extras']:.1%} ({drawn['extras']['extras']:.1%}), "
            f"flat style {extras['style']:.1%}; edges {extras['edge_px']:.2f} px wide, "
            f"{extras['edge_px'] / extras['drawn_edge_px']:.2f} times those of drawn scenes"
        )
    return lines


def main(argv=None):
    """Measure and print; returns the exit status."""
    options = parser().parse_args(argv)
    if options.hires:
        table = measure_hires(options)
        print(json.dumps(table, indent=2) if options.json else report_hires(table))
        return 0
    figures = measure(options)
    print(json.dumps(figures, indent=2) if options.json else report(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
