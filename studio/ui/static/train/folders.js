// What files that were dropped are to a set: pictures, their captions, their masks. Knows no page.

const PICTURE = /\.(png|jpe?g|webp|bmp|tiff?|avif|gif)$/i;
const CAPTION = /\.(txt|caption)$/i;
const METADATA = "metadata.jsonl";
const REPEATS = /^\d{1,4}_/;
const TREE = ["img", "masks", "reg"];

const stemOf = (path) => path.replace(/\.[^./]*$/, "");
const nameOf = (path) => path.slice(path.lastIndexOf("/") + 1);
const folderOf = (path) => path.slice(0, path.lastIndexOf("/") + 1);

/**
 * Files [{file, path}] -> pictures [{file, path, caption, mask}] in order of their paths, with the text
 * beside each or in metadata.jsonl (undefined: there is none) and the file of its mask, if any; `left`
 * is how many files are none of these.
 */
export async function sorted(files) {
  const seen = files
    .filter(({ path }) => !nameOf(path).startsWith("."))
    .sort((a, b) => a.path.localeCompare(b.path, "en", { numeric: true }));
  const isMask = ({ path }) => /(^|\/)masks\/[^/]*$/.test(path) && PICTURE.test(path);
  const captions = await captionsOf(seen);
  const masks = new Map(
    seen
      .filter(isMask)
      .map(({ file, path }) => [
        folderOf(path).replace(/masks\/$/, "") + stemOf(nameOf(path)),
        file,
      ]),
  );
  const pictures = seen
    .filter((one) => PICTURE.test(one.path) && !isMask(one))
    .map(({ file, path }) => ({
      file,
      path,
      caption: captions.get(stemOf(path)) ?? captions.get(path),
      mask: masks.get(stemOf(path)) ?? null,
    }));
  const isText = ({ path }) => CAPTION.test(path) || nameOf(path) === METADATA;
  const used = (one) => PICTURE.test(one.path) || isText(one);
  return { pictures, left: seen.filter((one) => !used(one)).length };
}

/** Path of a picture, without its ending where the text lies beside it -> caption. */
async function captionsOf(files) {
  const found = new Map();
  for (const { file, path } of files) {
    if (CAPTION.test(path)) found.set(stemOf(path), (await file.text()).replace(/^\ufeff/, ""));
    else if (nameOf(path) === METADATA) {
      for (const line of (await file.text()).split("\n").filter((text) => text.trim())) {
        const { file_name: name, text } = entryOf(line);
        if (name) found.set(folderOf(path) + name, String(text ?? ""));
      }
    }
  }
  return found;
}

function entryOf(line) {
  try {
    return JSON.parse(line) ?? {};
  } catch {
    return {}; // a line that says nothing
  }
}

/** What a new set of these pictures may be called: as their folder, or "" where they lie in none. */
export function setName(pictures) {
  const [top, ...rest] = (pictures[0]?.path ?? "").split("/");
  if (rest.length === 0 || TREE.includes(top)) return "";
  const plain = top.replace(REPEATS, "").replace(/[\\:*?"<>|]/g, "-");
  return plain.replace(/^[.\s]+|[.\s]+$/g, "").slice(0, 100);
}
