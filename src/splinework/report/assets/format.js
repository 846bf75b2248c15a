// Numbers as text.

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** A number with significant digits, in scientific notation if large or small; a dash where there is none. */
export function number(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) {
    const [mantissa, power] = value.toExponential(digits - 1).split("e");
    const raised = String(Math.abs(Number(power))).replace(/\d/g, (digit) => SUPERSCRIPTS[digit]);
    return `${Number(mantissa)} × 10${Number(power) < 0 ? "⁻" : ""}${raised}`.replace("-", "−");
  }
  return String(Number(value.toPrecision(Math.max(digits, Math.ceil(Math.log10(size)))))).replace("-", "−");
}

/** A difference, with its sign. */
export function signed(value, digits = 4) {
  const shown = number(value, digits);
  return value > 0 ? `+${shown}` : shown;
}

/** A share as a percentage. */
export function percent(share) {
  if (share === null || share === undefined || !Number.isFinite(share)) return "–";
  if (share !== 0 && Math.abs(share) < 0.001) return "< 0.1 %";
  return `${Number((100 * share).toFixed(share < 0.0995 ? 1 : 0))} %`;
}

/** At most `count` round values between two ends. */
export function ticks(low, high, count = 5) {
  if (!(high > low)) return [low];
  const raw = (high - low) / Math.max(1, count);
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * size).find((each) => each >= raw * 0.999);
  const found = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + 1e-9 * step; place += 1) found.push(place * step);
  return found;
}
