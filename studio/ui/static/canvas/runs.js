// Masks made small: bytes as runs of equal values, and bytes as text.

/** Pairs of a value and its count, the count in groups of seven bits, the last below 128. Bytes
 * that would not get fewer are copied, which their number tells. */
export function pack(bytes) {
  const out = new Uint8Array(bytes.length);
  let end = 0;
  for (let at = 0; at < bytes.length; ) {
    const value = bytes[at];
    let next = at + 1;
    while (next < bytes.length && bytes[next] === value) next += 1;
    if (end + 6 >= bytes.length) return bytes.slice();
    out[end++] = value;
    let count = next - at;
    for (; count > 127; count >>>= 7) out[end++] = (count & 127) | 128;
    out[end++] = count;
    at = next;
  }
  return out.slice(0, end);
}

/** What `pack` made small, `length` bytes. */
export function unpack(packed, length) {
  if (packed.length === length) return packed.slice();
  const out = new Uint8Array(length);
  for (let at = 0, end = 0; at < packed.length; ) {
    const value = packed[at++];
    let count = 0;
    for (let shift = 0; ; shift += 7) {
      const part = packed[at++];
      count |= (part & 127) << shift;
      if (part < 128) break;
    }
    if (value) out.fill(value, end, end + count);
    end += count;
  }
  return out;
}

const CHUNK = 0x8000;

export function toText(bytes) {
  const parts = [];
  for (let at = 0; at < bytes.length; at += CHUNK) {
    parts.push(String.fromCharCode(...bytes.subarray(at, at + CHUNK)));
  }
  return btoa(parts.join(""));
}

export const fromText = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
