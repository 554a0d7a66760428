"""Our own samplers, by the name that `domain.schedulers` has for each."""

from collections.abc import Mapping
from types import MappingProxyType

from studio.diffusion.samplers.adams import Ipndm, IpndmVariable
from studio.diffusion.samplers.base import Sampler
from studio.diffusion.samplers.cfg_plus_plus import EulerAncestralCfgPlusPlus, EulerCfgPlusPlus
from studio.diffusion.samplers.dpm2 import Dpm2, Dpm2Ancestral
from studio.diffusion.samplers.dpm_adaptive import DpmAdaptive
from studio.diffusion.samplers.dpm_solver import DpmFast
from studio.diffusion.samplers.dpmpp_2s import DpmPlusPlus2SAncestral
from studio.diffusion.samplers.dpmpp_sde import DpmPlusPlusSde
from studio.diffusion.samplers.euler import Euler, EulerAncestral
from studio.diffusion.samplers.heun import Heun, HeunPlusPlus, Restart
from studio.diffusion.samplers.multistep import Lms, Plms
from studio.diffusion.samplers.sde_multistep import SdeMultistep

SAMPLERS: Mapping[str, type[Sampler]] = MappingProxyType(
    {
        cls.__name__: cls
        for cls in (
            Dpm2,
            Dpm2Ancestral,
            DpmAdaptive,
            DpmFast,
            DpmPlusPlus2SAncestral,
            DpmPlusPlusSde,
            Euler,
            EulerAncestral,
            EulerAncestralCfgPlusPlus,
            EulerCfgPlusPlus,
            Heun,
            HeunPlusPlus,
            Ipndm,
            IpndmVariable,
            Restart,
        )
    }
)

DERIVED: Mapping[str, type] = MappingProxyType(
    {cls.__name__: cls for cls in (Lms, Plms, SdeMultistep)}
)
"""Those that are a class of diffusers with something put right."""
