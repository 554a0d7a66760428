"""Trains picturebook from nothing: `python -m studio.picturebook.train --minutes 30`.

Stages run one after the other, each for its time budget: "vae", then "unet" (with its text
encoder), then "decoder" (the VAE's, sharpened while the latents stay), then "preview" (the small
decoder that shows a forming picture). `--resume` goes on from the checkpoints in the work
directory.

`python -m studio.picturebook.train controlnet canny` trains a ControlNet for the finished model;
`controlnet --help` says more.
"""

import argparse
import sys
from pathlib import Path

import torch

from studio.picturebook import data
from studio.picturebook.training import Settings

MODEL_DIR = Path(__file__).resolve().parents[2] / "assets" / "models" / "picturebook"


def _train_vae(settings):
    from studio.picturebook.export import export_module
    from studio.picturebook.train_vae import train_vae

    arrays = data.draw_training_set(settings.work_dir / "data", settings.native, settings.scenes)
    vae = train_vae(settings, arrays)
    export_module(vae, settings.work_dir / "vae")
    export_module(vae, settings.out_dir / "vae")


def _train_unet(settings):
    from studio.picturebook.train_unet import train_unet

    train_unet(settings, _encoded_arrays(settings))


def _train_decoder(settings):
    from studio.picturebook.train_decoder import train_decoder

    arrays = data.draw_training_set(settings.work_dir / "data", settings.native, settings.scenes)
    train_decoder(settings, arrays)


def _train_preview(settings):
    from studio.picturebook.evaluate import load_vae
    from studio.picturebook.train_preview import train_preview

    vae = load_vae(settings.out_dir, settings.device)
    train_preview(settings, vae, _encoded_arrays(settings))


def _encoded_arrays(settings):
    """The pictures of the scenes that are learnt as latents, one array per bucket."""
    arrays = data.draw_training_set(settings.work_dir / "data", settings.native, settings.scenes)
    counts = data.bucket_counts(min(settings.encoded, settings.scenes))
    return [array[:n] for array, n in zip(arrays, counts, strict=True)]


def _train_judge(settings):
    from studio.picturebook.evaluate import load_vae
    from studio.picturebook.judge import JUDGE_DIR
    from studio.picturebook.train_judge import train_judge

    vae = load_vae(settings.out_dir, settings.device)
    judge, right = train_judge(vae, settings.native, settings.minutes, device=settings.device)
    judge.save(JUDGE_DIR)
    print("judge:", {name: round(share, 3) for name, share in right.items()})


# All but the judge make the model; the judge is trained anew only on request.
STAGES = {
    "vae": _train_vae,
    "unet": _train_unet,
    "decoder": _train_decoder,
    "preview": _train_preview,
    "judge": _train_judge,
}
ALL = ("vae", "unet", "decoder", "preview")


def parser():
    """The command line; further stages add themselves to STAGES."""
    arguments = argparse.ArgumentParser(prog="python -m studio.picturebook.train")
    arguments.description = __doc__.partition("\n")[0]
    arguments.epilog = "controlnet KIND in place of all options: trains a ControlNet."
    arguments.add_argument("--stage", choices=[*STAGES, "all"], default="all")
    arguments.add_argument("--minutes", type=float, default=30, help="time budget of a stage")
    arguments.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments.add_argument("--native", type=int, default=128, help="side of a square picture, px")
    arguments.add_argument(
        "--scenes", type=int, default=48_000, help="scenes to draw; the VAE learns all"
    )
    arguments.add_argument("--encoded", type=int, default=24_000, help="scenes the U-Net learns")
    arguments.add_argument("--resume", action="store_true", help="go on from the checkpoints")
    arguments.add_argument("--work-dir", type=Path, default=Path("picturebook-training"))
    arguments.add_argument("--out", type=Path, default=MODEL_DIR, help="where the model goes")
    arguments.add_argument("--export-minutes", type=float, default=10, help="between exports")
    arguments.add_argument("--threads", type=int, default=0, help="CPU threads, 0 = all")
    return arguments


def main(argv=None):
    """Run the stages asked for; returns the exit status."""
    argv = sys.argv[1:] if argv is None else list(argv)
    if argv[:1] == ["controlnet"]:
        from studio.picturebook import train_control

        return train_control.main(argv[1:])
    options = parser().parse_args(argv)
    if options.threads:
        torch.set_num_threads(options.threads)
    settings = Settings(
        device=options.device,
        minutes=options.minutes,
        work_dir=options.work_dir,
        out_dir=options.out,
        native=options.native,
        scenes=options.scenes,
        encoded=options.encoded,
        resume=options.resume,
        export_minutes=options.export_minutes,
    )
    for name, train in STAGES.items():
        if options.stage == name or (options.stage == "all" and name in ALL):
            train(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
