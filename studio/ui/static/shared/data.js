// What the server put into the page's head, and addresses on that server.

const parsed = (id) => JSON.parse(document.getElementById(id).textContent);

export const data = { ...parsed("studio-constants"), ...parsed("studio-data") };

let veil = (/** @type {string} */ path) => path;

/** Let `next(path)` say where a picture lies as it may be seen at once. */
export const veilWith = (next) => {
  veil = next;
};

export const address = (path) => new URL(veil(path).replace(/^\//, ""), document.baseURI).href;
export const asset = (name) => address(`${data.folder}/${name}`);

export const checkpointNamed = (name) => data.checkpoints.find((ref) => ref.name === name);
