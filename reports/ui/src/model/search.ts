import type { Column } from "../decode/column";

/** The first row whose value is not below this one, in a column that never falls. */
export function firstFrom(column: Column, value: number): number {
  let low = 0;
  let high = column.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((column[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Rows by the value of a column: those of value v are `rows[starts[v]]` up to, but without, `rows[starts[v + 1]]`. */
export class RowsBy {
  readonly #starts: Int32Array;
  readonly #rows: Int32Array;

  constructor(column: Column, values: number) {
    const starts = new Int32Array(values + 1);
    for (const value of column) if (value < values) starts[value + 1] = (starts[value + 1] as number) + 1;
    for (let v = 0; v < values; v++) starts[v + 1] = (starts[v + 1] as number) + (starts[v] as number);
    const next = starts.slice();
    const rows = new Int32Array(starts[values] as number);
    column.forEach((value, row) => {
      if (value >= values) return;
      const place = next[value] as number;
      rows[place] = row;
      next[value] = place + 1;
    });
    this.#starts = starts;
    this.#rows = rows;
  }

  of(value: number): Int32Array {
    return this.#rows.subarray(this.#starts[value] ?? 0, this.#starts[value + 1] ?? 0);
  }
}
