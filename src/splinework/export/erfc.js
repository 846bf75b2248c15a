function erfc(x) {
  if (x !== x) return x;
  const z = Math.abs(x);
  let value;
  if (z < 2) {
    let term = z, sum = z;
    for (let n = 1; term > 1e-17 * sum; n++) {
      term *= (2 * z * z) / (2 * n + 1);
      sum += term;
    }
    value = 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * sum;
  } else if (z < 28) {
    let f = z, c = z, d = 0;
    for (let n = 1; n < 200; n++) {
      d = 1 / (z + (n / 2) * d);
      c = z + n / 2 / c;
      f *= c * d;
      if (Math.abs(c * d - 1) < 1e-16) break;
    }
    value = Math.exp(-z * z) / Math.sqrt(Math.PI) / f;
  } else {
    value = 0;
  }
  return x < 0 ? 2 - value : value;
}