// SPDX-License-Identifier: GPL-3.0-or-later
// Big-endian bytes, in and out. What is malformed throws Malformed: a verifier catches it where it knows what was being read.

export class Malformed extends Error {}

export type Bytes = Uint8Array<ArrayBuffer>;

export function equal(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && firstDifference(a, b) === a.length;
}

export function firstDifference(a: Bytes, b: Bytes): number {
  const n = Math.min(a.length, b.length);
  let i = 0;
  while (i < n && a[i] === b[i]) i++;
  return i;
}

export function hex(b: Bytes): string {
  return Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
}

export function ascii(text: string): Bytes {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

export function concat(...parts: Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    whole.set(p, at);
    at += p.length;
  }
  return whole;
}

export class Reader {
  private readonly view: DataView;
  at = 0;

  constructor(readonly bytes: Bytes) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  private step(n: number): number {
    if (n < 0 || n > this.left) throw new Malformed("cut off");
    this.at += n;
    return this.at - n;
  }

  u8 = (): number => this.view.getUint8(this.step(1));
  u16 = (): number => this.view.getUint16(this.step(2));
  u32 = (): number => this.view.getUint32(this.step(4));
  i32 = (): number => this.view.getInt32(this.step(4));
  u64 = (): bigint => this.view.getBigUint64(this.step(8));
  i64 = (): bigint => this.view.getBigInt64(this.step(8));

  take(n: number): Bytes {
    const at = this.step(n);
    return this.bytes.subarray(at, at + n);
  }

  rest = (): Bytes => this.take(this.left);

  end(): void {
    if (this.left) throw new Malformed(`${this.left} bytes too many`);
  }
}

// Grows; boxes are begun and ended within it.
export class Writer {
  private room = new Uint8Array(1024);
  private view = new DataView(this.room.buffer);
  n = 0;

  // Where the next bytes go; room and view may be others behind it.
  private step(more: number): number {
    if (this.n + more > this.room.length) {
      const larger = new Uint8Array(Math.max(2 * this.room.length, this.n + more));
      larger.set(this.room.subarray(0, this.n));
      this.room = larger;
      this.view = new DataView(larger.buffer);
    }
    this.n += more;
    return this.n - more;
  }

  private number(bytes: number, set: (view: DataView, at: number) => void): void {
    const at = this.step(bytes);
    set(this.view, at);
  }

  u8 = (v: number): void => this.number(1, (view, at) => view.setUint8(at, v));
  u16 = (v: number): void => this.number(2, (view, at) => view.setUint16(at, v));
  u32 = (v: number): void => this.number(4, (view, at) => view.setUint32(at, v));
  i32 = (v: number): void => this.number(4, (view, at) => view.setInt32(at, v));
  u64 = (v: bigint): void => this.number(8, (view, at) => view.setBigUint64(at, v));
  i64 = (v: bigint): void => this.number(8, (view, at) => view.setBigInt64(at, v));

  put = (b: Bytes): void => {
    const at = this.step(b.length);
    this.room.set(b, at);
  };

  zeros = (n: number): void => this.put(new Uint8Array(n));
  type = (t: string): void => this.put(ascii(t));
  patch32 = (at: number, v: number): void => this.view.setUint32(at, v);

  box(type: string, inside: () => void): void {
    const at = this.n;
    this.u32(0);
    this.type(type);
    inside();
    this.patch32(at, this.n - at);
  }

  full(type: string, version: number, flags: number, inside: () => void): void {
    this.box(type, () => {
      this.u32(((version << 24) | flags) >>> 0);
      inside();
    });
  }

  bytes = (): Bytes => this.room.slice(0, this.n);
}
