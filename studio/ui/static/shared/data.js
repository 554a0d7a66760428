// What the server put into the page's head, and addresses on that server.

export const data = JSON.parse(document.getElementById("studio-data").textContent);

export const address = (path) => new URL(path.replace(/^\//, ""), document.baseURI).href;
export const asset = (name) => address(`${data.static}/${name}`);

export const checkpointNamed = (name) => data.checkpoints.find((ref) => ref.name === name);
