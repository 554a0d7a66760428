"""All families: one line for each folder here."""

from studio.domain.family import ModelFamily
from studio.families.stable_diffusion.family import PICTUREBOOK, SD1, SD2, SDXL, SDXL_REFINER
from studio.families.z_image.family import Z_IMAGE

FAMILIES: tuple[ModelFamily, ...] = (PICTUREBOOK, SD1, SD2, SDXL, SDXL_REFINER, Z_IMAGE)
