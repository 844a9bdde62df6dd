const THIN = "\u202f";

/** A whole number with spaces between thousands. */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, THIN);
}

/** "1 seed", "2 seeds". */
export function some(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A point of time: seconds since the start, as exact as the numbers are. */
export function time(ns: number, digits = 6): string {
  const negative = ns < 0;
  const whole = Math.abs(Math.round(ns));
  const seconds = Math.floor(whole / 1e9);
  const rest = String(whole % 1e9).padStart(9, "0").slice(0, digits);
  return `${negative ? "−" : ""}${seconds}${rest ? `.${rest}` : ""}${THIN}s`;
}

const UNITS: [string, number][] = [["s", 1e9], ["ms", 1e6], ["µs", 1e3], ["ns", 1]];

/** How long something took, in three digits and a fitting unit. */
export function duration(ns: number): string {
  if (ns === 0) return `0${THIN}s`;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(ns) >= size) ?? ["ns", 1];
  return `${digits(ns / size)}${THIN}${unit}`;
}

/** Bytes in a fitting unit. */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? count(value) : digits(value)}${THIN}${units[unit]}`;
}

/** Parts of a million as a percentage. */
export function percent(ppm: number): string {
  return `${(ppm / 10_000).toFixed(4).replace(/\.?0+$/, "")}${THIN}%`;
}

/** Three digits that count, without zeros that say nothing. */
function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 999.5) return count(value);
  const places = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return value.toFixed(places).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}

/** Distances between marks that people like to read: 1, 2 or 5 times a power of ten. */
export function niceStep(range: number, marks: number): number {
  const raw = Math.max(range / Math.max(marks, 1), 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  return ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10) * power;
}

/** Control characters, also those that turn the direction of writing, would hide what a text says. */
export function visible(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
