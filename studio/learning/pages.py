"""The pages of Learn: what each is called, asked and shows, and which lines of the studio do what
it tells of. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from studio.domain.errors import NotFound, shorten
from studio.learning import asked, shown


@dataclass(frozen=True)
class Page:
    """`code`: (file below studio/, what is defined there), the lines that do it. `paper`: where it
    was published. `equation`: as LaTeX writes it. `lasts`: it is looked at again and again, until
    what it shows is `done`."""

    name: str
    title: str
    asked: type[asked.Asked]
    shown: type
    equation: str
    paper: str
    code: tuple[tuple[str, str], ...]
    lasts: bool = False


PAGES = {
    page.name: page
    for page in (
        Page(
            "noise-in",
            "Noise in",
            asked.NoiseInAsked,
            shown.NoiseInShown,
            r"z_t = \sqrt{\bar\alpha_t}\, z_0 + \sqrt{1-\bar\alpha_t}\, \varepsilon",
            "Ho, Jain, Abbeel: Denoising Diffusion Probabilistic Models (2020), arXiv:2006.11239",
            (("learning/noise_in.py", "noised"), ("learning/noise_in.py", "walk")),
        ),
        Page(
            "noise-out",
            "Noise out",
            asked.NoiseOutAsked,
            shown.NoiseOutShown,
            r"\hat z_0 = \frac{z_t - \sqrt{1-\bar\alpha_t}\,\varepsilon_\theta}"
            r"{\sqrt{\bar\alpha_t}}",
            "Song, Meng, Ermon: Denoising Diffusion Implicit Models (2020), arXiv:2010.02502; "
            "Ho, Salimans: Classifier-Free Diffusion Guidance (2022), arXiv:2207.12598",
            (
                ("diffusion/denoise.py", "denoise"),
                ("diffusion/laws.py", "VariancePreserving.clean"),
                ("diffusion/guidance.py", "_mixed"),
            ),
        ),
        Page(
            "latent-space",
            "The latent space",
            asked.LatentSpaceAsked,
            shown.LatentSpaceShown,
            r"z = E(x), \quad \hat x = D(z), \quad "
            r"\mathrm{slerp}(a, b; u) = \frac{\sin((1-u)\,\omega)}{\sin\omega}\, a + "
            r"\frac{\sin(u\,\omega)}{\sin\omega}\, b",
            "Rombach et al.: High-Resolution Image Synthesis with Latent Diffusion Models (2022), "
            "arXiv:2112.10752; Shoemake: Animating Rotation with Quaternion Curves (1985)",
            (
                ("diffusion/latents.py", "_encoded"),
                ("diffusion/latents.py", "_picture"),
                ("diffusion/noise.py", "slerp"),
            ),
        ),
        Page(
            "words",
            "Words",
            asked.WordsAsked,
            shown.WordsShown,
            r"A = \mathrm{softmax}\left(\frac{Q K^\top}{\sqrt d}\right)",
            "Rombach et al.: High-Resolution Image Synthesis with Latent Diffusion Models (2022), "
            "arXiv:2112.10752; Tang et al.: What the DAAM (2022), arXiv:2210.04885",
            (("diffusion/attention.py", "_Look._weights"), ("learning/words.py", "word_map")),
        ),
        Page(
            "training",
            "Training in the small",
            asked.TrainingAsked,
            shown.TrainingShown,
            r"L = \mathbb{E}\,\lVert \varepsilon - \varepsilon_\theta(z_t, t, c) \rVert^2",
            "Ho, Jain, Abbeel: Denoising Diffusion Probabilistic Models (2020), arXiv:2006.11239",
            (
                ("learning/small_training.py", "Learner._step"),
                ("learning/small_training.py", "TinyNetwork"),
            ),
            lasts=True,
        ),
        Page(
            "steering",
            "Steering",
            asked.SteeringAsked,
            shown.SteeringShown,
            r"z \leftarrow m \odot z + (1 - m) \odot "
            r"(\sqrt{\bar\alpha_t}\, z_0 + \sqrt{1-\bar\alpha_t}\, \varepsilon)",
            "Meng et al.: SDEdit (2021), arXiv:2108.01073; Lugmayr et al.: RePaint (2022), "
            "arXiv:2201.09865; Zhang, Rao, Agrawala: Adding Conditional Control to Text-to-Image "
            "Diffusion Models (2023), arXiv:2302.05543",
            (
                ("diffusion/denoise.py", "noised"),
                ("diffusion/inpainting.py", "HardBlend.__call__"),
                ("diffusion/control.py", "ControlNetUnit.together"),
            ),
        ),
    )
}
"""By their names, in their order."""


def find(name: str) -> Page:
    """Raises `NotFound`."""
    if name not in PAGES:
        raise NotFound(f"There is no page {shorten(name)}. There are: {', '.join(PAGES)}.")
    return PAGES[name]
