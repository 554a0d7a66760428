"""Trains picturebook from nothing: `python -m studio.picturebook.train --seconds 1800`.

Stages run one after the other, each for its time budget: "vae", then "unet" (with its text
encoder), then "decoder" (the VAE's, sharpened while the latents stay), then "preview" (the small
decoder that shows a forming picture). On request: "quick", a LoRA for four steps without guidance,
and "judge". `--resume` goes on from the checkpoints in the work
directory, `--begin-with` from an exported model, whose VAE stays as it is.

`python -m studio.picturebook.train controlnet canny` trains a ControlNet for the finished model;
`controlnet --help` says more.
"""

import argparse
import sys
from pathlib import Path

from studio.picturebook import train_control
from studio.picturebook.examples import Examples
from studio.picturebook.export import export_module
from studio.picturebook.judge import JUDGE_DIR
from studio.picturebook.loading import load_vae
from studio.picturebook.train_decoder import train_decoder
from studio.picturebook.train_judge import train_judge
from studio.picturebook.train_preview import train_preview
from studio.picturebook.train_quick import QUICK_PATH, train_quick
from studio.picturebook.train_unet import train_unet
from studio.picturebook.train_vae import train_vae
from studio.picturebook.training import MODEL_DIR, settings_of, training_options


def _train_vae(settings):
    vae = train_vae(settings, Examples(settings, ("pictures",)))
    export_module(vae, settings.work_dir / "vae")
    export_module(vae, settings.out_dir / "vae")


def _train_unet(settings):
    vae = load_vae(settings.begin_with or settings.out_dir, settings.device)
    train_unet(settings, vae, Examples(settings, ("ids", "present"), vae))


def _train_decoder(settings):
    train_decoder(settings, Examples(settings, ("pictures",)))


def _train_preview(settings):
    vae = load_vae(settings.out_dir, settings.device)
    train_preview(settings, Examples(settings, ("pictures",), vae))


def _train_quick(settings):
    vae = load_vae(settings.out_dir, settings.device)
    train_quick(settings, Examples(settings, ("ids",), vae), settings.quick or QUICK_PATH)


def _train_judge(settings):
    vae = load_vae(settings.out_dir, settings.device)
    judge, right = train_judge(vae, settings.native, settings.seconds / 60, device=settings.device)
    judge.save(JUDGE_DIR)
    print("judge:", {name: round(share, 3) for name, share in right.items()})


# The judge and the LoRA for few steps are no part of the model: they are trained on request.
STAGES = {
    "vae": _train_vae,
    "unet": _train_unet,
    "decoder": _train_decoder,
    "preview": _train_preview,
    "quick": _train_quick,
    "judge": _train_judge,
}
ALL = ("vae", "unet", "decoder", "preview")


def parser():
    """The command line; further stages add themselves to STAGES."""
    arguments = argparse.ArgumentParser(prog="python -m studio.picturebook.train")
    arguments.description = __doc__.partition("\n")[0]
    arguments.epilog = "controlnet KIND in place of all options: trains a ControlNet."
    arguments.add_argument("--stage", choices=[*STAGES, "all"], default="all")
    training_options(arguments)
    arguments.add_argument("--seconds", type=float, default=1800, help="time budget of a stage")
    arguments.add_argument("--native", type=int, default=256, help="side of a square picture, px")
    arguments.add_argument("--begin-with", type=Path, help="folder of an exported model")
    arguments.add_argument("--out", type=Path, default=MODEL_DIR, help="where the model goes")
    arguments.add_argument("--quick", type=Path, help="where the LoRA of stage quick goes")
    return arguments


def main(argv=None):
    """Run the stages asked for; returns the exit status."""
    argv = sys.argv[1:] if argv is None else list(argv)
    if argv[:1] == ["controlnet"]:
        return train_control.main(argv[1:])
    options = parser().parse_args(argv)
    settings = settings_of(options)
    for name, train in STAGES.items():
        if options.stage == name or (options.stage == "all" and name in ALL):
            train(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
