// Time as it is written down: TAI64N labels, and the two readable stamps of svlogd.
// Labels are 2^62 + 10 + seconds since 1970, as runit, daemontools and s6 write them: the
// ten is the offset of 1970, and no leap second table is applied.

export type Millis = number;

export interface Stamp {
  /** Seconds since 1970. */
  readonly seconds: number;
  readonly nanoseconds: number;
}

const labelHigh = 0x40000000;
const labelOffset = 10;
const two32 = 0x100000000;

function bigEndian32(value: number): string {
  return String.fromCharCode(
    (value >>> 24) & 255,
    (value >>> 16) & 255,
    (value >>> 8) & 255,
    value & 255,
  );
}

function bigEndian32At(bytes: string, at: number): number {
  let value = 0;
  for (let i = at; i < at + 4; i++) value = value * 256 + bytes.charCodeAt(i);
  return value;
}

/** A TAI64N label: 12 bytes, big endian. */
export function encodeTai64n(stamp: Stamp): string {
  const label = stamp.seconds + labelOffset;
  const high = labelHigh + Math.floor(label / two32);
  return bigEndian32(high) + bigEndian32(label % two32) + bigEndian32(stamp.nanoseconds);
}

/** The stamp of the TAI64N label in the first 12 bytes. */
export function decodeTai64n(bytes: string): Stamp {
  const high = bigEndian32At(bytes, 0) - labelHigh;
  return {
    seconds: high * two32 + bigEndian32At(bytes, 4) - labelOffset,
    nanoseconds: bigEndian32At(bytes, 8),
  };
}

function hex(bytes: string): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += bytes.charCodeAt(i).toString(16).padStart(2, "0");
  return text;
}

/** `@` and 24 hex digits: the name of a rotated log, and the stamp of `svlogd -t`. */
export function labelText(stamp: Stamp): string {
  return `@${hex(encodeTai64n(stamp))}`;
}

interface Calendar {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** The day of a number of days since 1970-01-01, in the proleptic Gregorian calendar: years
 * are counted from March, so that the leap day is the last of its year. */
function calendarOf(days: number): Calendar {
  const shifted = days + 719468; // days since 0000-03-01
  const era = Math.floor(shifted / 146097); // 400 years
  const dayOfEra = shifted - era * 146097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36524) -
      Math.floor(dayOfEra / 146096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  const day = dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

function two(value: number): string {
  return value.toString().padStart(2, "0");
}

/** `2026-11-21_08:30:00.12345`: UTC, hundred-thousandths, `between` the date and the time. */
export function utcText(stamp: Stamp, between: "_" | "T"): string {
  const days = Math.floor(stamp.seconds / 86400);
  const second = stamp.seconds - days * 86400;
  const { year, month, day } = calendarOf(days);
  const fraction = Math.floor(stamp.nanoseconds / 10000)
    .toString()
    .padStart(5, "0");
  const hours = Math.floor(second / 3600);
  const minutes = Math.floor(second / 60) % 60;
  const date = `${year.toString().padStart(4, "0")}-${two(month)}-${two(day)}`;
  return `${date}${between}${two(hours)}:${two(minutes)}:${two(second % 60)}.${fraction}`;
}
