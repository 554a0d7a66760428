"""Measures picturebook: `python -m studio.picturebook.evaluate [--count 300] [--json]`.

Pictures are made for prompts of one object, and a small classifier (the judge) says whether
colour, object, place, sky and ground are those of the prompt.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.picturebook import sampling, sheets, train_vae
from studio.picturebook.judge import JUDGE_DIR, Judge
from studio.picturebook.larger import WAYS, larger_pictures
from studio.picturebook.loading import load_parts
from studio.picturebook.train_judge import held_out_accuracy, mountain_errors, train_judge
from studio.picturebook.training import MODEL_DIR
from studio.picturebook.world import HELD_OUT, TRAINED, Scene

ASPECTS = ("colour", "object", "both", "place", "sky", "ground")
# Prompts that say nothing of mountains: whole scenery, where they hardly come by themselves, and
# few words, which leave open what is behind.
NEUTRAL = {
    "scenery": (
        "a meadow by day", "the sea at sunset", "a desert at dawn", "a snowy landscape at night",
        "a forest by day", "a city at sunset",
    ),
    "few words": (
        "a red house", "a boat", "night", "pixel art", "a white cat in the snow",
        "sunset, desert", "a green tree by day", "a storm",
    ),
}  # fmt: skip


def prompt_cases(pairs, count, seed):
    """`count` prompts of one object with all its facts: list of (prompt, Scene)."""
    rng = np.random.default_rng((11, seed))
    order = sorted(pairs)
    cases = []
    for k in range(count):
        scene = Scene.random(rng, pairs=[order[k % len(order)]], count=1)
        cases.append((full_prompt(scene), scene))
    return cases


def full_prompt(scene):
    """What a person would write to get this scene: colour, object, place, ground, sky."""
    item = scene.items[0]
    article = "an" if item.colour[0] in "aeiou" else "a"
    place = {"left": "on the left", "center": "in the center", "right": "on the right"}
    ground = {
        "meadow": "on a meadow", "desert": "in the desert", "snow": "in the snow",
        "sea": "on the sea", "forest": "in the forest", "city": "in the city",
    }  # fmt: skip
    sky = {
        "day": "by day", "sunset": "at sunset", "dawn": "at dawn", "night": "at night",
        "storm": "under a stormy sky",
    }  # fmt: skip
    phrase = f"{article} {item.colour} {item.object} {place[item.place]}, {ground[scene.ground]}"
    return f"{phrase} {sky[scene.sky]}"


def pictures_of(parts, prompts, options, negative="", first_seed=0):
    """float (prompts, 3, native, native) in -1..1, sampled in batches of `options.batch`."""
    side = parts["unet"].config.sample_size * 8
    batches = []
    for start in range(0, len(prompts), options.batch):
        chunk = prompts[start : start + options.batch]
        seeds = range(first_seed + start, first_seed + start + len(chunk))
        batches.append(
            sampling.sample(
                parts,
                chunk,
                size=(side, side),
                negative=negative,
                seeds=seeds,
                steps=options.steps,
                guidance=options.guidance,
            )
        )
    return torch.cat(batches)


def judged(judge, pictures, scenes):
    """One {aspect: bool} a picture: is it what the scene of its prompt says?"""
    marks = []
    for reading, scene in zip(judge.read(pictures), scenes, strict=True):
        wanted, object_ = scene.items[0], reading["objects"][0]
        colour = object_["colour"] == wanted.colour
        marks.append(
            {
                "colour": colour,
                "object": object_["object"] == wanted.object,
                "both": colour and object_["object"] == wanted.object,
                "place": object_["place"] == wanted.place,
                "sky": reading["sky"] == scene.sky,
                "ground": reading["ground"] == scene.ground,
            }
        )
    return marks


def semantic_table(parts, judge, options):
    """{"trained" | "held out": {aspect: share}} over `options.count` prompts each."""
    table = {}
    for name, pairs, seed in (("trained", TRAINED, 1), ("held out", HELD_OUT, 2)):
        cases = prompt_cases(pairs, options.count, seed)
        pictures = pictures_of(parts, [p for p, _ in cases], options, first_seed=1000 * seed)
        marks = judged(judge, pictures, [scene for _, scene in cases])
        table[name] = {a: float(np.mean([m[a] for m in marks])) for a in ASPECTS}
        if options.sheet:
            path = Path(options.sheet) / f"evaluate-{name.replace(' ', '-')}.png"
            sheets.save(path, pictures[:48], 8)
    return table


def negative_prompt(parts, judge, options):
    """Share of pictures with mountains without and with "mountains" as negative prompt.

    {kind of NEUTRAL: {"without", "with", "lowered_by"}}; `lowered_by` is None where none had them.
    Few of these pictures have mountains, so that it takes some hundreds to know how much fewer.
    """
    table = {}
    for kind, texts in NEUTRAL.items():
        prompts = [texts[k % len(texts)] for k in range(max(24, options.count))]
        shares = {}
        for name, negative in (("without", ""), ("with", "mountains")):
            pictures = pictures_of(parts, prompts, options, negative=negative, first_seed=9000)
            flagged = ["mountains" in reading["extras"] for reading in judge.read(pictures)]
            shares[name] = float(np.mean(flagged))
        before = shares["without"]
        shares["lowered_by"] = 1 - shares["with"] / before if before else None
        table[kind] = shares
    return table


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
    arguments.add_argument("--count", type=int, default=300, help="prompts of each kind")
    arguments.add_argument("--steps", type=int, default=15)
    arguments.add_argument("--guidance", type=float, default=PICTUREBOOK.guidance_scale)
    arguments.add_argument("--batch", type=int, default=25)
    arguments.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments.add_argument("--sheet", help="folder for sheets of the pictures judged")
    arguments.add_argument(
        "--hires", action="store_true", help="measure pictures of twice the size instead"
    )
    arguments.add_argument("--json", action="store_true")
    return arguments


def measure(options):
    """All figures in one dictionary; shares are 0..1, PSNR in dB."""
    parts = load_parts(options.model, options.device)
    native = parts["unet"].config.sample_size * 8
    if options.retrain_judge:
        judge, _ = train_judge(parts["vae"], native, options.judge_minutes)
        judge.save(options.judge)
    judge = Judge.load(options.judge)
    own = held_out_accuracy(judge, native)
    mountains = mountain_errors(judge, parts["vae"], native)
    start = time.monotonic()
    return {
        "judge": own,
        "judge_mountains": mountains,
        "vae_psnr_db": vae_psnr(parts["vae"], native),
        "prompts": options.count,
        **semantic_table(parts, judge, options),
        "mountains": negative_prompt(parts, judge, options),
        "elapsed_s": round(time.monotonic() - start, 1),
    }


def measure_hires(options):
    """{"hires" | "plain": {aspect: share}}: of pictures of twice the size, drawn twice and at
    once."""
    native = PICTUREBOOK.native_size[0]
    cases = prompt_cases(TRAINED, options.count, 1)
    pictures = larger_pictures([p for p, _ in cases], options.steps, native, options.device)
    judge = Judge.load(options.judge)
    table = {}
    for way in WAYS:
        marks = judged(judge, pictures[way], [scene for _, scene in cases])
        table[way] = {a: float(np.mean([m[a] for m in marks])) for a in ASPECTS}
    return table


def report_hires(table):
    """The figures of `measure_hires` as a table."""
    lines = ["twice the size" + "".join(f"{a:>9}" for a in ASPECTS)]
    lines += [f"{way:<14}" + "".join(f"{table[way][a]:9.1%}" for a in ASPECTS) for way in WAYS]
    return "\n".join(lines)


def report(figures):
    """The figures as a table."""
    lines = ["judge's own accuracy on held-out drawn scenes:"]
    lines += [f"  {name:<8} {share:6.1%}" for name, share in figures["judge"].items()]
    errors = figures["judge_mountains"]
    lines.append(
        f"  mountains in scenes without objects: imagined in {errors['imagined']:.1%} of those "
        f"without, missed in {errors['missed']:.1%} of those with"
    )
    lines.append(f"VAE on unseen scenes: {figures['vae_psnr_db']:.2f} dB")
    lines.append(f"{figures['prompts']} prompts each" + "".join(f"{a:>9}" for a in ASPECTS))
    for name in ("trained", "held out"):
        shares = "".join(f"{figures[name][a]:9.1%}" for a in ASPECTS)
        lines.append(f"{name + ' pairs':<{len(str(figures['prompts'])) + 13}}{shares}")
    for kind, mountains in figures["mountains"].items():
        lowered = mountains["lowered_by"]
        lines.append(
            f"mountains, prompts of {kind}: {mountains['without']:.1%} of pictures, "
            f'{mountains["with"]:.1%} with the negative prompt "mountains"'
            + ("" if lowered is None else f" (lowered by {lowered:.0%})")
        )
    return "\n".join(lines)


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
