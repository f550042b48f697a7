// exp and tanh of one number, without a branch: a loop over them becomes vector code, the same for body and tail.
// Bounds are stated in units in the last place (ulp) and held by the tests.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "level.hpp"

namespace FASTDL_LEVEL {

template <class T>
struct Float;

// ln 2 is split so that n times its upper part is exact for every exponent n (Cody and Waite 1980). Adding `round` to a
// number of moderate size leaves its nearest integer in the lowest bits.
template <>
struct Float<float> {
  using integer = std::int32_t;
  static constexpr int mantissa = 23, bias = 127, terms = 7;
  static constexpr float round = 0x1.8p23f, log2_e = 0x1.715476p+0f, ln2_upper = 0x1.62e4p-1f, ln2_lower = 0x1.7f7d1cp-20f;
  static constexpr float lowest = -104.0f, highest = 89.0f;  // exp is 0 below, inf above
};

template <>
struct Float<double> {
  using integer = std::int64_t;
  static constexpr int mantissa = 52, bias = 1023, terms = 13;
  static constexpr double round = 0x1.8p52, log2_e = 0x1.71547652b82fep+0, ln2_upper = 0x1.62e42fefa38p-1,
                          ln2_lower = 0x1.ef35793c7673p-45;
  static constexpr double lowest = -746.0, highest = 710.0;
};

template <class T>
inline T power_of_two(typename Float<T>::integer exponent) {
  const typename Float<T>::integer bits = (exponent + Float<T>::bias) << Float<T>::mantissa;
  T result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

// x = n ln 2 + r with |r| <= ln 2 / 2, and exp(r) = 1 + r + rest by its Taylor series, whose first term left out is less
// than a tenth of an ulp. `rest` takes in what rounding r lost.
template <class T>
struct Reduced {
  typename Float<T>::integer n;
  T r;
  T rest;

  explicit Reduced(T x) {
    using F = Float<T>;
    const T shifted = x * F::log2_e + F::round;
    const T round = F::round;
    typename F::integer bits, zero;
    std::memcpy(&bits, &shifted, sizeof bits);
    std::memcpy(&zero, &round, sizeof zero);
    n = bits - zero;
    const T whole = shifted - F::round;
    const T upper = x - whole * F::ln2_upper;
    r = upper - whole * F::ln2_lower;
    T sum = inverse_factorial(F::terms);
#pragma GCC unroll 16
    for (int k = F::terms - 1; k >= 2; --k) sum = sum * r + inverse_factorial(k);
    rest = r * r * sum + ((upper - r) - whole * F::ln2_lower);
  }

  static constexpr T inverse_factorial(int k) {
    double product = 1;
    for (int i = 2; i <= k; ++i) product *= i;
    return T(1 / product);
  }
};

// At most 1 ulp, subnormal results too. The power of two comes in two halves, each of which has a representable exponent.
template <class T>
inline T exp(T x) {
  using F = Float<T>;
  const T inside = x < F::lowest ? F::lowest : x > F::highest ? F::highest : x;
  const Reduced<T> reduced(inside);
  const T sum = 1 + reduced.r;
  const T exp_r = sum + ((reduced.r - (sum - 1)) + reduced.rest);
  const typename F::integer half = reduced.n >> 1;
  return exp_r * power_of_two<T>(half) * power_of_two<T>(reduced.n - half);
}

// A number as the sum of its rounded value and what rounding lost.
template <class T>
struct Pair {
  T value;
  T lost;
};

// a + b for |a| >= |b| (Dekker 1971).
template <class T>
inline Pair<T> sum(T a, T b) {
  const T value = a + b;
  return {value, b - (value - a)};
}

// n / (c + e) for c + e in [1, 2] and |e| <= |c|: rounding the sum alone would cost up to an ulp. 1.5 - d / 2 stands for
// 1 / d, closely enough for a correction.
template <class T>
inline T quotient(Pair<T> n, T c, Pair<T> e) {
  const Pair<T> d = sum(c, e.value);
  const T q = n.value / d.value;
  return q + (n.lost - q * (d.lost + e.lost)) * (T(1.5) - d.value / 2);
}

// tanh |x| = -e / (2 + e) with e = exp(-2 |x|) - 1, which keeps its digits near 0. At most 2 ulp.
template <class T>
inline T tanh(T x) {
  const T doubled = -2 * std::fabs(x);
  const T inside = doubled < -40 ? T(-40) : doubled;  // tanh is 1 to the last bit from 20 on
  const Reduced<T> reduced(inside);
  const T scale = power_of_two<T>(reduced.n);
  const Pair<T> upper = sum(scale - 1, scale * reduced.r);
  const Pair<T> e = sum(upper.value, upper.lost + scale * reduced.rest);
  return std::copysign(quotient({-e.value, -e.lost}, T(2), e), x);
}

// 1 / (1 + exp(-x)), written so that exp never overflows: the left tail goes down to the subnormals. At most 2 ulp.
template <class T>
inline T sigmoid(T x) {
  const T e = exp(-std::fabs(x));
  return quotient({x < 0 ? e : T(1), T(0)}, T(1), {e, T(0)});
}

}  // namespace FASTDL_LEVEL
