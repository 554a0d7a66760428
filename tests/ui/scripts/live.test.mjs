import assert from "node:assert/strict";
import test from "node:test";
import { fitting, lightened, lorasIn } from "../../../studio/ui/static/run/live_preset.js";

const preset = (name, family, steps, more = {}) => ({ name, family, request: { steps, ...more } });
const PRESETS = [
  preset("LCM", null, 6),
  preset("SDXL Lightning, 8 steps", "SDXL", 8),
  preset("SDXL Lightning, 4 steps", "SDXL", 4),
  preset("SDXL, fast", "SDXL", 18),
  preset("SD Turbo", "SD 2.x", 2),
  preset("SDXL Turbo", "SDXL", 2),
  preset("picturebook, fast", "picturebook", 12),
  preset("picturebook, live", "picturebook", 6),
];

test("the live preset is that of the model which needs few steps, else the family's quickest", () => {
  const name = (...of) => fitting(PRESETS, ...of)?.name;
  assert.equal(name("picturebook", ["picturebook"]), "picturebook, live");
  assert.equal(name("SDXL", ["juggernaut"]), "SDXL, fast");
  assert.equal(name("SDXL", ["juggernaut-Lightning"]), "SDXL Lightning, 4 steps");
  assert.equal(name("SDXL", ["sdxl_turbo"]), "SDXL Turbo");
  assert.equal(name("SD 1.x", ["dreamshaper", "lcm-lora-sdv1-5"]), "LCM");
  assert.equal(name("SD 1.x", ["dreamshaper"]), undefined);
  assert.deepEqual(lorasIn("a <lora:lcm-sd15:0.7> b <lora:x>"), ["lcm-sd15", "x"]);
});

test("a live request is one picture by the preset's steps, with what comes after left out", () => {
  const request = { prompt: "a", width: 96, steps: 40, seed: -1, batch_size: 4, hires: {} };
  const own = preset("x", null, 4, { width: 512, scheduler: "LCM" });
  const made = lightened(request, own, 77);
  assert.deepEqual(
    [made.prompt, made.width, made.steps, made.scheduler, made.seed, made.batch_size, made.hires],
    ["a", 96, 4, "LCM", 77, 1, null],
  );
  assert.equal(lightened({ ...request, seed: 5 }, null, 77).seed, 5);
  const quick = { name: "quick", weight: 1 };
  const both = { ...request, loras: [{ name: "ink", weight: 0.5 }] };
  const names = (...of) => lightened(...of, 7).loras.map((one) => `${one.name} ${one.weight}`);
  assert.deepEqual(names(both, preset("y", null, 4, { loras: [quick] })), ["ink 0.5", "quick 1"]);
  const mine = { ...request, loras: [{ name: "quick", weight: 0.8 }] };
  assert.deepEqual(names(mine, preset("y", null, 4, { loras: [quick] })), ["quick 0.8"]);
  assert.deepEqual(names(request, null), []);
  assert.equal(lightened(request, null, 77).steps, 40);
});
