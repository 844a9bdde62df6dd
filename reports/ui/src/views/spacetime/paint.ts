/** Colours and hatchings, as the style sheet says at this moment. */
export interface Paint {
  ground: string;
  raised: string;
  sunk: string;
  line: string;
  strong: string;
  text: string;
  quiet: string;
  accent: string;
  bad: string;
  unsure: string;
  message: string;
  interest: string;
  delivery: string;
  kept: string;
  faultHatch: CanvasPattern | string;
  offHatch: CanvasPattern | string;
}

export function paint(element: Element): Paint {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    ground: colour("ground"),
    raised: colour("raised"),
    sunk: colour("sunk"),
    line: colour("line"),
    strong: colour("strong-line"),
    text: colour("text"),
    quiet: colour("quiet"),
    accent: colour("accent"),
    bad: colour("bad"),
    unsure: colour("unsure"),
    message: colour("message"),
    interest: colour("interest"),
    delivery: colour("delivery"),
    kept: colour("kept"),
    faultHatch: hatch(colour("unsure"), 0.28),
    offHatch: hatch(colour("text"), 0.6),
  };
}

/** Slanted lines: a window of a fault is seen without its colour, too. */
function hatch(colour: string, alpha: number): CanvasPattern | string {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const context = tile.getContext("2d");
  if (!context) return colour;
  context.strokeStyle = colour;
  context.globalAlpha = alpha;
  context.lineWidth = 1.2;
  context.beginPath();
  for (const shift of [-8, 0, 8]) {
    context.moveTo(shift, 8);
    context.lineTo(shift + 8, 0);
  }
  context.stroke();
  return context.createPattern(tile, "repeat") ?? colour;
}
