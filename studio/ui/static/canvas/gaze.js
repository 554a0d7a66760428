// Where somebody looked last, so that the same picture is seen elsewhere as it was seen here: on the
// canvases, and in the place of the result.

let last = null;

/** {tab, image, zoom, x, y}: the middle's place in the picture, and the zoom (null where it fits); null
 * where nobody looked yet. */
export const gaze = () => last;

/** Somebody looks at `image` through `view`, in `tab`. */
export function remember(view, tab, image) {
  const { clientWidth, clientHeight } = view.port;
  if (!clientWidth) return;
  const x = (clientWidth / 2 - view.x) / view.scale;
  const y = (clientHeight / 2 - view.y) / view.scale;
  last = { tab, image, zoom: view.fitted ? null : view.zoom, x, y };
}

/** Look through `view` at what somebody looked at `there`. */
export function lookAt(view, there) {
  const { port } = view;
  if (!view.content || !port.clientWidth) return;
  if (there.zoom === null) {
    view.fit();
    return;
  }
  view.zoomTo(there.zoom);
  const [x, y] = view.fromPicture(there.x, there.y);
  view.panBy(port.clientWidth / 2 - x, port.clientHeight / 2 - y);
}
