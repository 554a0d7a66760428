"""Who may import whom among the pages of Learn: a page knows the bench and what it is asked, not
the others."""

LESSONS = "latent_space", "noise_in", "noise_out", "small_training", "steering", "words"

_OF_A_LESSON = {
    "diffusion",
    "domain",
    "families",
    "learning.asked",
    "learning.bench",
    "learning.scenes",
    "learning.shown",
    "picturebook.vocabulary",
}

LEARNING = {
    "learning": {"domain", "learning.asked", "learning.code", "learning.pages", "learning.shown"},
    "learning.bench": {"diffusion", "domain", "engine", "residence.lease"},
    "learning.scenes": {"picturebook.world"},
    "learning.shown": {"imaging.blurring"},
    **{f"learning.{page}": _OF_A_LESSON for page in LESSONS},
    "learning.lessons": {
        *(f"learning.{page}" for page in LESSONS),
        "domain",
        "engine.run",
        "jobs.errands",
        "learning.asked",
        "learning.bench",
        "learning.scenes",
    },
    "learning.classroom": {
        "domain",
        "imaging.reading",
        "learning.asked",
        "learning.lessons",
        "learning.pages",
        "learning.shown",
    },
}
