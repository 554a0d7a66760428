// What is said of settings that were read. Knows no page.

export const SOURCES = {
  studio: "Latent Studio",
  automatic1111: "AUTOMATIC1111 / Forge",
  comfyui: "ComfyUI",
  invokeai: "InvokeAI",
  fooocus: "Fooocus",
  sdnext: "SD.Next",
  novelai: "NovelAI",
};

const KINDS = {
  checkpoint: "checkpoint",
  lora: "LoRA",
  vae: "VAE",
  embedding: "embedding",
  controlnet: "ControlNet",
  image: "picture",
};

export const kindOf = (kind) => KINDS[kind] ?? kind.replaceAll("_", " ");
export const count = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;

/** "14 settings, 2 not understood, 1 LoRA missing" */
export function summary({ understood, ignored, missing }) {
  const parts = [count(understood.length, "setting")];
  if (ignored.length) parts.push(`${ignored.length} not understood`);
  for (const kind of new Set(missing.map((one) => one.kind))) {
    const many = missing.filter((one) => one.kind === kind).length;
    parts.push(`${count(many, kindOf(kind))} missing`);
  }
  return parts.join(", ");
}

/** What is the matter where there are no settings. */
export function nothingWords({ ignored }, isFile) {
  if (ignored.length) return `It cannot be read: ${ignored.map(({ why }) => why).join(" ")}`;
  return isFile
    ? "No settings are in this file. Programs that send or shrink pictures often take them out: ask for the file itself."
    : "No settings are in this text.";
}
