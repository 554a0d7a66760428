// Text into the clipboard.

/** Whether it could be copied; `within` is an element that may take the focus for a moment. */
export async function copy(text, within = document.body) {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  }
  // Without https the clipboard is closed to pages, except through a selection.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "off-screen";
  within.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
