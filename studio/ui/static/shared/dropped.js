// Files that somebody dropped or chose, with those in folders.

/** @typedef {{file: File, path: string}} Found `path`: from the folder that was dropped, "kites/a.png",
 * or the file's name alone. */

/**
 * All files of what was dropped. To be called while the event lasts: later nothing is left to ask.
 * @param {DataTransfer} transfer
 * @returns {Promise<Found[]>}
 */
export function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  return entries.length ? filesIn(entries) : Promise.resolve(chosenFiles(transfer));
}

/**
 * Those of a field for files or a folder.
 * @param {{files: FileList}} field
 * @returns {Found[]}
 */
export const chosenFiles = ({ files }) =>
  [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));

async function filesIn(entries) {
  const found = [];
  for (const entry of entries) {
    if (entry.isFile) {
      const file = await new Promise((done, fail) => entry.file(done, fail));
      found.push({ file, path: entry.fullPath.replace(/^\//, "") });
    } else found.push(...(await filesIn(await childrenOf(entry))));
  }
  return found;
}

/** A browser gives a folder's content in parts of a hundred, an empty one at the end. */
async function childrenOf(folder) {
  const reader = folder.createReader();
  const all = [];
  for (;;) {
    const part = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (part.length === 0) return all;
    all.push(...part);
  }
}
