// What the dialog Share says.

const LEADS_FROM = {
  network: "On your network",
  anywhere: "From anywhere, through Gradio's servers, until the studio ends",
};

/** Under an address, from where it leads here. */
export const fromWhere = ({ leads_from: from }) => LEADS_FROM[from];

/** How the tunnel is, where there is something to say of it. */
export function tunnelWords(tunnel) {
  if (tunnel?.state === "opening") return "The tunnel for a link from anywhere is being opened …";
  return tunnel?.why ?? "";
}

/** Who one is to the studio, and what others need. */
export function loginWords({ account, login }) {
  if (login) return `You are ${account}. Everybody else needs a login too.`;
  return "None is asked for: whoever reaches this page may use the studio.";
}

export function personWords({ name, you }) {
  if (you) return name ? `${name} (you)` : "You";
  return name ?? "A guest";
}

/** "1 drawn, 2 waiting", of somebody's jobs. */
export function countWords({ running, waiting }) {
  const parts = [running && `${running} drawn`, waiting && `${waiting} waiting`];
  return parts.filter(Boolean).join(", ");
}

/** Of all of them. */
export function sumWords(counts) {
  const words = countWords(counts);
  return words ? `In the queue: ${words}` : "Nobody at the moment: the queue is empty.";
}
