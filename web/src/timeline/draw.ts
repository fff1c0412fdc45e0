// SPDX-License-Identifier: GPL-3.0-or-later
// The timeline on its canvas: one row a camera below one ruler. What is where, model.ts says; colours are the page's tokens.
import { clockChanges, ticks, xOf, type Parts, type Span } from "./model";

export const RULER = 26;
export const ROW = 34;
export const ROW_GAP = 6;
const BAR_TOP = 9; // in a row; above it the locks
const LOCK_TOP = 3;
const LEAST = 2; // pixels of what would be narrower
const STRIPES = 6;
const QUIET_CAUSES = new Set(["start", "stopped", "not asked for"]); // nobody has to look after these

export interface Row {
  name: string;
  parts: Parts & { known: Span[] };
}

export interface Picture {
  view: Span;
  width: number;
  rows: Row[];
  now: number;
  at: number; // what is shown
  selection: Span | null;
  hover: number | null;
  months: readonly string[];
}

export const heightOf = (rows: number): number => RULER + rows * (ROW + ROW_GAP);
export const rowAt = (y: number): number => Math.floor((y - RULER) / (ROW + ROW_GAP));

type Colours = Record<"line" | "text" | "quiet" | "recorded" | "sunk" | "warn" | "good" | "press" | "raised", string>;

function coloursOf(canvas: HTMLCanvasElement): Colours {
  const style = getComputedStyle(canvas);
  const of = (name: string) => style.getPropertyValue(name).trim();
  return { line: of("--line"), text: of("--text"), quiet: of("--quiet"), recorded: of("--press-ground"), sunk: of("--sunk"), warn: of("--warn"), good: of("--good"), press: of("--press"), raised: of("--raised") };
}

function stripes(ctx: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, colour: string): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, w, h);
  ctx.clip();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 2;
  ctx.beginPath();
  const first = Math.floor((x - h) / STRIPES) * STRIPES; // in step with what is beside it
  for (let at = first; at < x + w; at += STRIPES) {
    ctx.moveTo(at, y + h);
    ctx.lineTo(at + h, y);
  }
  ctx.stroke();
  ctx.restore();
}

function lock(ctx: CanvasRenderingContext2D, x: number, y: number, colour: string): void {
  ctx.fillStyle = colour;
  ctx.fillRect(x - 4, y, 8, 6);
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  ctx.arc(x, y, 2.5, Math.PI, 0);
  ctx.stroke();
}

function drawRuler(ctx: CanvasRenderingContext2D, p: Picture, height: number, c: Colours, font: string): void {
  ctx.font = `12px ${font}`;
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  for (const tick of ticks(p.view, p.width, p.months)) {
    const x = Math.round(xOf(p.view, p.width, tick.at)) + 0.5;
    ctx.strokeStyle = c.line;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(x, tick.major ? 0 : 8);
    ctx.lineTo(x, height);
    ctx.stroke();
    ctx.fillStyle = tick.major ? c.text : c.quiet;
    ctx.fillText(tick.text, x + 5, 11);
  }
  ctx.setLineDash([2, 3]);
  ctx.strokeStyle = c.warn;
  for (const change of clockChanges(p.view)) {
    const x = Math.round(xOf(p.view, p.width, change.at)) + 0.5;
    ctx.beginPath();
    ctx.moveTo(x, 0);
    ctx.lineTo(x, height);
    ctx.stroke();
  }
  ctx.setLineDash([]);
}

function drawRow(ctx: CanvasRenderingContext2D, p: Picture, row: Row, top: number, named: boolean, c: Colours, font: string): void {
  const clip = (s: Span): [number, number] => {
    const from = Math.max(xOf(p.view, p.width, s.from), -10);
    const to = Math.min(xOf(p.view, p.width, s.to), p.width + 10);
    return [from, Math.max(to - from, LEAST)];
  };
  const bar = top + BAR_TOP;
  const height = ROW - BAR_TOP;
  ctx.fillStyle = c.sunk;
  ctx.fillRect(0, bar, Math.max(0, Math.min(p.width, xOf(p.view, p.width, p.now))), height);
  ctx.fillStyle = c.recorded;
  for (const range of row.parts.ranges) {
    const [x, w] = clip(range);
    ctx.fillRect(x, bar, w, height);
  }
  for (const gap of row.parts.gaps) {
    const [x, w] = clip(gap);
    if (gap.cause === "start") continue;
    ctx.fillStyle = c.sunk;
    ctx.fillRect(x, bar, w, height);
    stripes(ctx, x, bar, w, height, QUIET_CAUSES.has(gap.cause) ? c.quiet : c.warn);
  }
  for (const kept of row.parts.locks) {
    const [x, w] = clip(kept);
    ctx.fillStyle = c.text;
    ctx.fillRect(x, top + LOCK_TOP + 2, w, 2);
    if (w > 16) lock(ctx, Math.max(x, 0) + 8, top + LOCK_TOP - 1, c.text);
  }
  if (!named) return;
  ctx.font = `600 12px ${font}`;
  ctx.textBaseline = "middle";
  const wide = ctx.measureText(row.name).width;
  ctx.fillStyle = c.raised;
  ctx.fillRect(4, bar + 4, wide + 8, height - 8);
  ctx.fillStyle = c.text;
  ctx.fillText(row.name, 8, bar + height / 2 + 1);
}

function drawSelection(ctx: CanvasRenderingContext2D, p: Picture, height: number, c: Colours): void {
  if (!p.selection) return;
  const from = xOf(p.view, p.width, p.selection.from);
  const to = xOf(p.view, p.width, p.selection.to);
  ctx.globalAlpha = 0.22;
  ctx.fillStyle = c.press;
  ctx.fillRect(from, RULER, to - from, height - RULER);
  ctx.globalAlpha = 1;
  ctx.fillRect(from - 1, RULER, 2, height - RULER);
  ctx.fillRect(to - 1, RULER, 2, height - RULER);
}

function drawPlayhead(ctx: CanvasRenderingContext2D, p: Picture, height: number, c: Colours): void {
  const x = xOf(p.view, p.width, p.at);
  if (x < -8 || x > p.width + 8) return;
  ctx.fillStyle = c.text;
  ctx.fillRect(x - 1, 16, 2, height - 16);
  ctx.beginPath();
  ctx.moveTo(x - 6, 16);
  ctx.lineTo(x + 6, 16);
  ctx.lineTo(x, RULER);
  ctx.fill();
}

export function draw(canvas: HTMLCanvasElement, p: Picture): void {
  const ctx = canvas.getContext("2d");
  if (!ctx || p.width < 1) return;
  const height = heightOf(p.rows.length);
  const dense = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(p.width * dense), Math.round(height * dense)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  ctx.setTransform(dense, 0, 0, dense, 0, 0);
  ctx.clearRect(0, 0, p.width, height);
  const c = coloursOf(canvas);
  const font = getComputedStyle(canvas).fontFamily;
  drawRuler(ctx, p, height, c, font);
  p.rows.forEach((row, i) => drawRow(ctx, p, row, RULER + i * (ROW + ROW_GAP), p.rows.length > 1, c, font));
  drawSelection(ctx, p, height, c);
  const now = xOf(p.view, p.width, p.now);
  ctx.fillStyle = c.good;
  if (now < p.width) ctx.fillRect(now - 1, RULER, 2, height - RULER);
  if (p.hover !== null) {
    ctx.globalAlpha = 0.5;
    ctx.fillStyle = c.text;
    ctx.fillRect(xOf(p.view, p.width, p.hover), RULER, 1, height - RULER);
    ctx.globalAlpha = 1;
  }
  drawPlayhead(ctx, p, height, c);
}
