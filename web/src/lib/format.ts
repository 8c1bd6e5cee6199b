/** Figures for people, in their language. Pure: the language is passed in; in components see `useFormat`. */

export interface Format {
  /** Milliseconds, as `840ms`, `2.4s`, `3m 5s`, `2h 10m`. */
  duration: (ms: number | null | undefined) => string;
  /** As `1.5MB`; powers of 1000. */
  bytes: (count: number | null | undefined) => string;
  /** Whole, with separators: `12,345`. */
  count: (count: number | null | undefined) => string;
  /** Short: `12.3K`. For tokens and axes. */
  short: (count: number | null | undefined) => string;
  /** An amount in the currency of the prices, which the gateway does not know the name of: `0.0042`. */
  money: (amount: number | null | undefined) => string;
  /** 0.25 as `25%`. */
  percent: (share: number | null | undefined) => string;
  /** How long ago, from Unix seconds: `3 minutes ago`; to come: `in 2 hours`. */
  relative: (unixS: number, nowMs?: number) => string;
  /** Date and time, from Unix seconds. */
  moment: (unixS: number) => string;
  /** The time of day with seconds, from Unix seconds. */
  time: (unixS: number) => string;
  /** A list in words: `a, b and c`. */
  list: (items: readonly string[]) => string;
}

/** What stands where there is no figure. */
export const NONE = "–";

const made = new Map<string, Format>();

/** For a language tag, as `en` or `zh`. */
export function formatOf(language: string): Format {
  const known = made.get(language) ?? make(language);
  made.set(language, known);
  return known;
}

type Known<T> = (value: T) => string;

function make(language: string): Format {
  const unit = (name: string, digits: number) =>
    new Intl.NumberFormat(language, { style: "unit", unit: name, unitDisplay: "narrow", maximumFractionDigits: digits });
  const [ms, s1, s0, min, h, d] = [
    unit("millisecond", 0),
    unit("second", 1),
    unit("second", 0),
    unit("minute", 0),
    unit("hour", 0),
    unit("day", 0),
  ] as const;
  const sizes = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"].map((name, index) => unit(name, index ? 1 : 0));
  const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
  const compact = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
  const fine = new Intl.NumberFormat(language, { maximumSignificantDigits: 2, minimumFractionDigits: 2 });
  const plain = new Intl.NumberFormat(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const share = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
  const ago = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const moment = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
  const time = new Intl.DateTimeFormat(language, { timeStyle: "medium" });
  const list = new Intl.ListFormat(language, { type: "conjunction" });

  const duration: Known<number> = (value) => {
    if (value < 1) return value > 0 ? `< ${ms.format(1)}` : ms.format(0);
    if (value < 1000) return ms.format(Math.round(value));
    const seconds = value / 1000;
    if (seconds < 59.95) return s1.format(seconds);
    const rounded = Math.round(seconds);
    if (rounded < 3600) return pair(min, Math.floor(rounded / 60), s0, rounded % 60);
    const minutes = Math.round(seconds / 60);
    if (minutes < 1440) return pair(h, Math.floor(minutes / 60), min, minutes % 60);
    const hours = Math.round(seconds / 3600);
    return pair(d, Math.floor(hours / 24), h, hours % 24);
  };

  const bytes: Known<number> = (value) => {
    let [size, step] = [value, 0];
    while (size >= 999.95 && step < sizes.length - 1) [size, step] = [size / 1000, step + 1];
    return sizes[step]?.format(size) ?? NONE;
  };

  return {
    duration: known(duration),
    bytes: known(bytes),
    count: known((value) => whole.format(value)),
    short: known((value) => (Math.abs(value) < 1000 ? whole.format(value) : compact.format(value))),
    money: known((value) => (value !== 0 && Math.abs(value) < 0.1 ? fine.format(value) : plain.format(value))),
    percent: known((value) => share.format(value)),
    relative(unixS, nowMs = Date.now()) {
      const seconds = Math.round(unixS - nowMs / 1000);
      const size = Math.abs(seconds);
      if (size < 45) return ago.format(seconds, "second");
      if (size < 45 * 60) return ago.format(Math.round(seconds / 60), "minute");
      if (size < 22 * 3600) return ago.format(Math.round(seconds / 3600), "hour");
      if (size < 26 * 86_400) return ago.format(Math.round(seconds / 86_400), "day");
      if (size < 320 * 86_400) return ago.format(Math.round(seconds / 2_629_800), "month");
      return ago.format(Math.round(seconds / 31_557_600), "year");
    },
    moment: (unixS) => moment.format(unixS * 1000),
    time: (unixS) => time.format(unixS * 1000),
    list: (items) => list.format(items),
  };
}

function known(format: Known<number>): (value: number | null | undefined) => string {
  return (value) => (value === null || value === undefined || Number.isNaN(value) ? NONE : format(value));
}

function pair(large: Intl.NumberFormat, a: number, small: Intl.NumberFormat, b: number): string {
  return b === 0 ? large.format(a) : `${large.format(a)} ${small.format(b)}`;
}
