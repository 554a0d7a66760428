"""What others call things, as far as it is understood."""

from __future__ import annotations

import pytest

from studio.api.sdapi import lists, names
from studio.domain.schedulers import SCHEDULERS
from tests import models_in_memory


@pytest.mark.parametrize("sampler", lists.samplers(), ids=lambda each: each["name"])
def test_every_sampler_is_known_by_all_the_names_that_are_listed(sampler):
    for name in (sampler["name"], *sampler["aliases"]):
        assert names.sampling(name, "Automatic") == (sampler["name"], "automatic")
    can = "karras" in SCHEDULERS[sampler["name"]].noise_schedules
    found = names.sampling(f"{sampler['name']} Karras", "automatic")
    assert found == (sampler["name"], "karras" if can else "automatic")


@pytest.mark.parametrize("schedule", lists.schedulers(), ids=lambda each: each["name"])
def test_every_schedule_by_name_and_label(schedule):
    for name in (schedule["name"], schedule["label"], schedule["label"].lower()):
        assert names.sampling("Euler", name) == ("Euler", schedule["name"])


@pytest.mark.parametrize(
    ("sampler", "schedule"), [("Oiler", "automatic"), ("Euler", "steep"), ("x" * 5000, "")]
)
def test_others_are_refused(sampler, schedule):
    with pytest.raises(names.NoSampler, match="not found"):
        names.sampling(sampler, schedule)


def test_upscalers_and_models():
    catalog = models_in_memory.catalog()
    assert names.hires_upscaler("Latent (nearest)", catalog) == "Latent (nearest-exact)"
    assert names.hires_upscaler("None", catalog) == "Lanczos"
    assert names.hires_upscaler("4x-UltraSharp", catalog) == "4x-UltraSharp"  # refused later
    [ref] = catalog.refs()
    assert names.model(f"{ref.path.name} [0123456789]", "checkpoint", catalog) == ref.name
    assert names.model("Automatic", "vae", catalog) is None
