import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const template = readFileSync(join(import.meta.dirname, "../../assets/report.template.html"), "utf8");
const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const inside = (tag: string) => new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(template)?.[1] ?? "";

describe("the template", () => {
  it("allows its own script and style, and nothing else", () => {
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(template)?.[1];
    expect(policy).toBe(`default-src 'none'; script-src ${hash(inside("script"))}; style-src ${hash(inside("style"))}; base-uri 'none'; form-action 'none'`);
  });

  it("has places for title and data, once each", () => {
    for (const mark of ["<!--causeway:title-->", "<!--causeway:data-->"]) expect(template.split(mark).length).toBe(2);
  });

  it("refers to nothing outside", () => {
    expect(template).not.toMatch(/(src|href)="?(https?:)?\/\//);
    expect(template).not.toMatch(/url\(|@import/);
  });

  it("is small", () => {
    expect(Buffer.byteLength(template)).toBeLessThanOrEqual(160 * 1024);
  });
});
