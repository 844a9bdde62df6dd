import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fromBase64 } from "../src/decode/base64";
import { decodeColumn } from "../src/decode/column";
import { gunzip } from "../src/decode/gunzip";
import { Piece } from "../src/decode/piece";
import { Run } from "../src/model/run";

const bytes = (...all: number[]) => new Uint8Array(all);

describe("columns", () => {
  it("zero has no bytes", () => {
    expect([...decodeColumn("zero", bytes(), 3)]).toEqual([0, 0, 0]);
    expect(() => decodeColumn("zero", bytes(1), 3)).toThrow("left over");
  });

  it("plain is LEB128, also beyond 32 bits", () => {
    expect([...decodeColumn("plain", bytes(0x05, 0x80, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f), 3)]).toEqual([5, 128, 2 ** 53 - 1]);
  });

  it("delta goes up and down", () => {
    // Distances 10, -1, 0, 1, -2 from 0 on.
    expect([...decodeColumn("delta", bytes(20, 1, 0, 2, 3), 5)]).toEqual([10, 9, 9, 10, 8]);
  });

  it("a column that is too short or too long is an error", () => {
    expect(() => decodeColumn("plain", bytes(1, 0x80), 2)).toThrow("too early");
    expect(() => decodeColumn("plain", bytes(1, 2, 3), 2)).toThrow("left over");
  });
});

/** A piece as docs/report-format.md says. */
function packed(head: object, ...columns: number[]): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(head));
  const out = new Uint8Array(8 + json.length + columns.length);
  out.set([0x43, 0x57, 0x52, 0x31]);
  new DataView(out.buffer).setUint32(4, json.length, true);
  out.set(json, 8);
  out.set(columns, 8 + json.length);
  return out;
}

describe("pieces", () => {
  const head = { format: "causeway.report/1", tables: [{ name: "a", rows: 2, columns: [{ name: "x", code: "plain", bytes: 2 }, { name: "y", code: "delta", bytes: 2 }] }] };

  it("finds columns by name, and passes over what it does not know", () => {
    const table = new Piece(packed(head, 7, 8, 2, 2)).table("a", ["y", "unheard_of"]);
    expect([...table.y]).toEqual([1, 2]);
    expect([...table.unheard_of]).toEqual([0, 0]);
    expect(new Piece(packed(head, 7, 8, 2, 2)).table("b", ["x"]).rows).toBe(0);
  });

  it("refuses another format, other bytes, and a wrong length", () => {
    expect(() => new Piece(packed({ ...head, format: "causeway.report/2" }, 7, 8, 2, 2))).toThrow("causeway.report/2");
    expect(() => new Piece(packed(head, 7, 8, 2))).toThrow("as long as");
    expect(() => new Piece(bytes(1, 2, 3, 4, 5, 6, 7, 8))).toThrow("not data");
  });
});

describe("a real run", () => {
  it("is unpacked, and its times never fall", async () => {
    const file = readFileSync(join(import.meta.dirname, "data/run-1.data.gz"));
    const run = new Run("run-1", new Piece(await gunzip(fromBase64(file.toString("base64")))));
    expect(run.head.seed).toBe(1);
    expect(run.events.rows).toBeGreaterThan(500);
    expect(run.events.t.every((t, row) => row === 0 || t >= (run.events.t[row - 1] as number))).toBe(true);
    expect(run.events.t.at(-1)).toBe(run.head.end_ns);
    expect(run.events.kind.every((kind) => kind < run.head.kinds.length)).toBe(true);
  });

  it("knows its messages by name", async () => {
    const file = readFileSync(join(import.meta.dirname, "data/run-1.data.gz"));
    const run = new Run("run-1", new Piece(await gunzip(fromBase64(file.toString("base64")))));
    const name = run.messageName(17);
    expect(run.messageNamed(name)).toBe(17);
    expect(run.messageNamed("99.99.99")).toBe(0);
    expect(run.lane(run.publisher(17)).kind).toBe("client");
  });
});
