/** Whole numbers up to 2^53 - 1: more than 32 bits, so a float that holds them exactly. */
export type Column = Float64Array;

export type Code = "zero" | "plain" | "delta";

/** Decodes a column. `bytes` is exactly the column; more or less than `rows` numbers in it is an error. */
export function decodeColumn(code: Code, bytes: Uint8Array, rows: number): Column {
  const out = new Float64Array(rows);
  let at = 0;
  let last = 0;
  if (code !== "zero") {
    for (let row = 0; row < rows; row++) {
      let value = 0;
      let scale = 1;
      let byte: number;
      do {
        if (at === bytes.length) throw new Error("a column ends too early");
        byte = bytes[at++] as number;
        // By multiplication: shifts would cut numbers at 32 bits.
        value += (byte & 0x7f) * scale;
        scale *= 128;
      } while (byte & 0x80);
      if (code === "delta") {
        last += unfold(value);
        out[row] = last;
      } else {
        out[row] = value;
      }
    }
  }
  if (at !== bytes.length) throw new Error("a column has bytes left over");
  return out;
}

/** 0, 1, 2, 3 stand for 0, -1, 1, -2. */
function unfold(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
