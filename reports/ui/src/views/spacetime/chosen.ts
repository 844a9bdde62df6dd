import { lifeLine, type Step } from "../../model/lifeline";
import { arrow, cross, line, type Picture, STUB } from "./draw";
import { xOf } from "./scale";

/** The way of the chosen message, over everything else and never as density. */
export function drawChosen(picture: Picture, msg: number) {
  const { context, paint } = picture;
  const steps = lifeLine(picture.run, msg);
  context.save();
  context.lineWidth = 2.5;
  context.strokeStyle = paint.accent;
  context.fillStyle = paint.accent;
  steps.forEach((step, place) => drawStep(picture, steps, step, place));
  context.restore();
}

function drawStep(picture: Picture, steps: Step[], step: Step, place: number) {
  const { run, context, rows, scale, paint } = picture;
  const y = rows.y[run.owner(step.lane)] ?? -1;
  if (y < 0) return;
  const x = xOf(scale, step.t);
  switch (step.sort) {
    case "sent":
    case "replayed": {
      const arrived = steps.find((other, later) => later > place && other.sort === "arrived" && other.lane === step.peer && other.peer === step.lane);
      const to = rows.y[step.peer] ?? -1;
      if (to < 0) break;
      if (steps[place + 1]?.sort === "missing") {
        const stub = y + Math.sign(to - y) * STUB;
        line(context, x, y, x + 4, stub);
        cross(context, x + 4, stub, paint.bad, 3.5);
      } else if (arrived) {
        arrow(context, x, y, xOf(scale, arrived.t), to);
      }
      break;
    }
    case "kept": {
      const left = steps.find((other) => other.sort === "left" && other.lane === step.lane && other.peer === step.peer);
      context.fillRect(x, y + 3, Math.max(xOf(scale, left?.t ?? run.end) - x, 3), 5);
      break;
    }
    case "published":
    case "delivered":
      dot(context, x, y, paint.accent, paint.raised, step.sort === "published");
      break;
    case "lost":
      cross(context, x, y, paint.bad, 5.5);
      break;
  }
}

function dot(context: CanvasRenderingContext2D, x: number, y: number, colour: string, inside: string, hollow: boolean) {
  context.beginPath();
  context.arc(x, y, 5, 0, 7);
  context.fillStyle = hollow ? inside : colour;
  context.fill();
  context.stroke();
  context.fillStyle = colour;
}
