import { type Code, type Column, decodeColumn } from "./column";

export const FORMAT = "causeway.report/1";
const MAGIC = "CWR1";

interface ColumnHead {
  name: string;
  code: Code;
  bytes: number;
}

interface TableHead {
  name: string;
  rows: number;
  columns: ColumnHead[];
}

/** A table: its columns by name, and how many rows they have. */
export type Table<Name extends string> = Record<Name, Column> & { rows: number };

/** A piece of the report's data: a head, and tables that are decoded when they are asked for. */
export class Piece {
  readonly head: Record<string, unknown>;
  readonly #tables = new Map<string, { rows: number; columns: Map<string, { code: Code; from: number; to: number }> }>();

  constructor(private readonly bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const text = new TextDecoder();
    if (bytes.length < 8 || text.decode(bytes.subarray(0, 4)) !== MAGIC) throw new Error("this is not data of a report");
    const start = 8 + view.getUint32(4, true);
    this.head = JSON.parse(text.decode(bytes.subarray(8, start))) as Record<string, unknown>;
    if (this.head["format"] !== FORMAT) {
      throw new Error(`the data have the format ${String(this.head["format"])}; this viewer reads ${FORMAT}`);
    }
    this.#place(start, (this.head["tables"] ?? []) as TableHead[]);
  }

  #place(start: number, tables: TableHead[]) {
    let at = start;
    for (const table of tables) {
      const columns = new Map<string, { code: Code; from: number; to: number }>();
      for (const column of table.columns) {
        columns.set(column.name, { code: column.code, from: at, to: at + column.bytes });
        at += column.bytes;
      }
      this.#tables.set(table.name, { rows: table.rows, columns });
    }
    if (at !== this.bytes.length) throw new Error("the tables are not as long as the head says");
  }

  /** These columns of a table. A table that is not there has no rows; a column that is not there is all 0. */
  table<Name extends string>(name: string, columns: readonly Name[]): Table<Name> {
    const table = this.#tables.get(name);
    const rows = table?.rows ?? 0;
    const out: Record<string, unknown> = { rows };
    for (const column of columns) {
      const place = table?.columns.get(column);
      out[column] = place ? decodeColumn(place.code, this.bytes.subarray(place.from, place.to), rows) : new Float64Array(rows);
    }
    return out as Table<Name>;
  }
}
