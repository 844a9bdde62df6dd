/** Time across a width in pixels. */
export interface Scale {
  from: number;
  to: number;
  width: number;
}

/** Nothing is shorter than a microsecond on the screen. */
export const SHORTEST = 1000;

export const xOf = (scale: Scale, t: number) => ((t - scale.from) / (scale.to - scale.from)) * scale.width;

export const tOf = (scale: Scale, x: number) => scale.from + (x / scale.width) * (scale.to - scale.from);

/** Makes the part of time that is shown longer (factor above 1) or shorter, around a point that stays where it is. */
export function zoomed(from: number, to: number, factor: number, around: number, end: number): { from: number; to: number } {
  const length = Math.min(Math.max((to - from) * factor, SHORTEST), end);
  const share = (around - from) / (to - from);
  return within(around - share * length, length, end);
}

/** Moves it by a share of its length. */
export function panned(from: number, to: number, share: number, end: number): { from: number; to: number } {
  return within(from + share * (to - from), to - from, end);
}

/** A part of time that shows all of this with some room on both sides. */
export function around(first: number, last: number, end: number): { from: number; to: number } {
  const room = Math.max((last - first) * 0.15, SHORTEST);
  return within(first - room, last - first + 2 * room, end);
}

function within(from: number, length: number, end: number): { from: number; to: number } {
  const kept = Math.min(length, end);
  const start = Math.round(Math.min(Math.max(from, 0), end - kept));
  return { from: start, to: Math.round(start + kept) };
}
