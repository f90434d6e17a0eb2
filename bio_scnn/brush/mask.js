"use strict";
// The painted mask: a byte for each pixel of the picture, 1 where it is missing, and its history.
const MOST_KEPT = 2 ** 26; // bytes of history

class Mask {
  constructor(width, height) {
    Object.assign(this, { width, height, count: 0, past: [], future: [], kept: 0 });
    this.bytes = new Uint8Array(width * height);
    this.saved = null;
    this.rect = null;
  }

  // What is changed between begin and end is one step of the history.
  begin() {
    this.saved ??= new Uint8Array(this.bytes.length);
    this.saved.set(this.bytes);
    this.rect = null;
  }
  end() {
    const rect = this.rect;
    this.rect = null;
    if (!rect) return;
    const step = { ...rect, before: this.crop(this.saved, rect), after: this.crop(this.bytes, rect) };
    if (step.before.every((value, n) => value === step.after[n])) return;
    this.past.push(step);
    this.future = [];
    this.kept = this.past.reduce((sum, one) => sum + 2 * one.before.length, 0);
    while (this.kept > MOST_KEPT && this.past.length > 1)
      this.kept -= 2 * this.past.shift().before.length;
  }
  // Put back what was there at the begin: of a stroke that became a pinch.
  abandon() {
    const rect = this.rect;
    this.rect = null;
    return rect && this.put(rect, this.crop(this.saved, rect));
  }
  undo() {
    const step = this.past.pop();
    if (step) this.future.push(step);
    return step && this.put(step, step.before);
  }
  redo() {
    const step = this.future.pop();
    if (step) this.past.push(step);
    return step && this.put(step, step.after);
  }

  crop(bytes, { x, y, width, height }) {
    const piece = new Uint8Array(width * height);
    for (let row = 0; row < height; row++) {
      const start = (y + row) * this.width + x;
      piece.set(bytes.subarray(start, start + width), row * width);
    }
    return piece;
  }
  put(rect, piece) {
    const { x, y, width, height } = rect;
    for (let row = 0; row < height; row++)
      for (let column = 0; column < width; column++)
        this.set((y + row) * this.width + x + column, piece[row * width + column]);
    return rect;
  }
  set(place, value) {
    this.count += value - this.bytes[place];
    this.bytes[place] = value;
  }
  touched(rect) {
    if (!this.rect) return void (this.rect = { ...rect });
    const { x, y, width, height } = this.rect;
    const left = Math.min(x, rect.x), top = Math.min(y, rect.y);
    this.rect = { x: left, y: top,
      width: Math.max(x + width, rect.x + rect.width) - left,
      height: Math.max(y + height, rect.y + rect.height) - top };
  }

  // Pixels whose centres are within half the size of a line; the rectangle that holds them.
  line(from, to, size, value) {
    const snap = p => size < 3 ? { x: Math.floor(p.x) + 0.5, y: Math.floor(p.y) + 0.5 } : p;
    const a = snap(from), b = snap(to), radius = size / 2;
    const left = Math.max(Math.floor(Math.min(a.x, b.x) - radius), 0);
    const top = Math.max(Math.floor(Math.min(a.y, b.y) - radius), 0);
    const right = Math.min(Math.ceil(Math.max(a.x, b.x) + radius), this.width);
    const bottom = Math.min(Math.ceil(Math.max(a.y, b.y) + radius), this.height);
    if (left >= right || top >= bottom) return null;
    const dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
    for (let row = top; row < bottom; row++)
      for (let column = left; column < right; column++) {
        const px = column + 0.5 - a.x, py = row + 0.5 - a.y;
        const along = length ? Math.min(Math.max((px * dx + py * dy) / length, 0), 1) : 0;
        const ox = px - along * dx, oy = py - along * dy;
        if (ox * ox + oy * oy <= radius * radius) this.set(row * this.width + column, value);
      }
    const rect = { x: left, y: top, width: right - left, height: bottom - top };
    this.touched(rect);
    return rect;
  }

  // All pixels anew, as one step: those of bits, and with `keep` those that were marked.
  replace(bits, keep) {
    this.begin();
    for (let place = 0; place < this.bytes.length; place++) {
      const value = bits ? bits[place >> 3] >> (7 - (place & 7)) & 1 : 0;
      this.set(place, keep ? value | this.bytes[place] : value);
    }
    const rect = { x: 0, y: 0, width: this.width, height: this.height };
    this.touched(this.changed() ?? rect);
    this.end();
    return rect;
  }
  changed() {
    let left = this.width, right = -1, top = this.height, bottom = -1;
    for (let row = 0, place = 0; row < this.height; row++)
      for (let column = 0; column < this.width; column++, place++)
        if (this.bytes[place] !== this.saved[place]) {
          left = Math.min(left, column);
          right = Math.max(right, column);
          top = Math.min(top, row);
          bottom = row;
        }
    return right < 0 ? null : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
  }
  bits() {
    const packed = new Uint8Array(Math.ceil(this.bytes.length / 8));
    for (let place = 0; place < this.bytes.length; place++)
      if (this.bytes[place]) packed[place >> 3] |= 128 >> (place & 7);
    return packed;
  }
}
