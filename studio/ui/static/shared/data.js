// What the server put into the page's head, and addresses on that server.

const parsed = (id) => JSON.parse(document.getElementById(id).textContent);

export const data = { ...parsed("studio-constants"), ...parsed("studio-data") };

export const address = (path) => new URL(path.replace(/^\//, ""), document.baseURI).href;
export const asset = (name) => address(`${data.folder}/${name}`);

export const checkpointNamed = (name) => data.checkpoints.find((ref) => ref.name === name);
