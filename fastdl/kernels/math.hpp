// exp, log1p, tanh and their like of one number, without a branch: a loop over them becomes vector code, the same for body
// and tail.
// Bounds are stated in units in the last place (ulp) and held by the tests.
#pragma once

#include <limits>
#include <type_traits>

#include "pair.hpp"

namespace FASTDL_LEVEL {

template <class T>
struct Float;

// ln 2 is split so that n times its upper part is exact for every exponent n (Cody and Waite 1980). Adding `round` to a
// number of moderate size leaves its nearest integer n in the lowest bits, as n + bias + raised: these bits, moved up, are
// those of 2^(n + raised). An exponent is raised so that all down to the smallest subnormal's are representable.
template <>
struct Float<float> {
  using integer = std::int32_t;
  static constexpr int mantissa = 23, bias = 127, terms = 7, log_terms = 4;
  static constexpr float round = 0x1.8p23f + 127 + 64, log2_e = 0x1.715476p+0f, ln2_upper = 0x1.62e4p-1f, ln2_lower = 0x1.7f7d1cp-20f;
  static constexpr float lowest = -104.0f;  // exp is 0 below
  static constexpr float unraised = 0x1.8p23f + 127, vanishing = -88.2f;  // n is -bias there
  static constexpr float share_limit = 20;  // sigmoid is 1 above
  static constexpr float lower = 0x1p-64f, raise = 0x1p64f;
};

template <>
struct Float<double> {
  using integer = std::int64_t;
  static constexpr int mantissa = 52, bias = 1023, terms = 13, log_terms = 10;
  static constexpr double round = 0x1.8p52 + 1023 + 128, log2_e = 0x1.71547652b82fep+0, ln2_upper = 0x1.62e42fefa38p-1,
                          ln2_lower = 0x1.ef35793c7673p-45;
  static constexpr double lowest = -746.0, share_limit = 40, unraised = 0x1.8p52 + 1023, vanishing = -709.3;
  static constexpr double lower = 0x1p-128, raise = 0x1p128;
};

template <class T>
inline T power_of_two(typename Float<T>::integer exponent) {
  const typename Float<T>::integer bits = (exponent + Float<T>::bias) << Float<T>::mantissa;
  T result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

// c(FIRST) + c(FIRST + 1) x + ... of N terms, by halves (Estrin 1960): a processor works on them at the same time.
template <int N, int FIRST = 0, class C, class T>
inline T polynomial(C c, T x) {
  if constexpr (N == 1) {
    return c(FIRST);
  } else {
    constexpr int half = N > 16 ? 16 : N > 8 ? 8 : N > 4 ? 4 : N > 2 ? 2 : 1;
    T power = x;
    if constexpr (half > 1) power *= power;
    if constexpr (half > 2) power *= power;
    if constexpr (half > 4) power *= power;
    if constexpr (half > 8) power *= power;
    return polynomial<N - half, FIRST + half>(c, x) * power + polynomial<half, FIRST>(c, x);
  }
}

// x + more = n ln 2 + r + lost with |r| <= ln 2 / 2, and exp(r) = 1 + r + tail by its Taylor series, whose first term left
// out is less than a tenth of an ulp.
template <class T, int TERMS = Float<T>::terms>
struct Reduced {
  T raised;  // 2^n, raised
  T r;
  T lost;
  T tail;

  explicit Reduced(T x, T more = 0) {
    using F = Float<T>;
    const T shifted = x * F::log2_e + F::round;
    std::make_unsigned_t<typename F::integer> bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    bits <<= F::mantissa;
    std::memcpy(&raised, &bits, sizeof raised);
    const T whole = shifted - F::round;
    const T upper = x - whole * F::ln2_upper;
    const T lower = more - whole * F::ln2_lower;
    r = upper + lower;
    lost = (upper - r) + lower;
    tail = r * r * polynomial<TERMS - 1>([](int k) { return inverse_factorial(k + 2); }, r);
  }

  // exp(r), at most 1 ulp off.
  T rounded_power() const { return 1 + (r + tail); }

  // exp(r + lost)
  Pair<T> power() const {
    const Pair<T> p = sum(T(1), r);
    return sum(p.value, p.lost + (tail + lost));
  }

  // y 2^n for n <= 0: the second of the two factors alone rounds.
  T scaled(T y) const { return y * raised * Float<T>::lower; }

  static constexpr T inverse_factorial(int k) {
    double product = 1;
    for (int i = 2; i <= k; ++i) product *= i;
    return T(1 / product);
  }
};

// exp(x) for x <= 0. At most 1 ulp, subnormal results too.
template <class T>
inline T exp(T x) {
  const Reduced<T> reduced(x < Float<T>::lowest ? Float<T>::lowest : x);
  return reduced.scaled(reduced.rounded_power());
}

// exp(x) for x <= 0, off by at most half an ulp of 1, and 0 where it is below 2^-bias: for what is added to larger numbers.
// 2^(n + f) with |f| <= 1/2: `unraised` leaves n as `round` does, and 2^f is its Taylor series.
template <class T>
inline T exp_to_add(T x) {
  using F = Float<T>;
  constexpr auto coefficient = [](int k) {
    double c = 1;
    for (int i = 1; i <= k; ++i) c *= 0.69314718055994530942 / i;
    return T(c);
  };
  const T inside = x < F::vanishing ? F::vanishing : x, shifted = inside * F::log2_e + F::unraised;
  std::make_unsigned_t<typename F::integer> bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits <<= F::mantissa;
  T power;
  std::memcpy(&power, &bits, sizeof power);
  return power * polynomial<F::terms + 1>(coefficient, inside * F::log2_e - (shifted - F::unraised));
}

// exp(x) - 1 for x <= 0, near 0 with all its digits.
template <class T>
inline Pair<T> expm1(T x) {
  const T inside = x < -40 ? T(-40) : x;  // exp(x) - 1 is -1 to the last bit from there on
  const Reduced<T> reduced(inside);
  const T scale = reduced.raised * Float<T>::lower;
  const Pair<T> upper = sum(scale - 1, scale * reduced.r);
  return sum(upper.value, upper.lost + scale * (reduced.tail + reduced.lost));
}

// The logarithm of a normal positive number 2^n (1 + f) with 1 + f from sqrt(1/2) to sqrt(2). With s = f / (2 + f),
// log(1 + f) = 2 atanh(s) = f - s (f - 2/3 s^2 - 2/5 s^4 - ...): the rounded part is small beside f (fdlibm's e_log.c).
// The first term left out is less than a tenth of an ulp. `more` is added to n; x.lost must be below 2.
template <class T>
inline T log_of(Pair<T> x, typename Float<T>::integer more) {
  using F = Float<T>;
  using integer = typename F::integer;
  const T root = T(0.70710678118654752440);
  integer bits, root_bits;
  std::memcpy(&bits, &x.value, sizeof bits);
  std::memcpy(&root_bits, &root, sizeof root_bits);
  const integer n = (bits - root_bits) >> F::mantissa;
  bits -= n << F::mantissa;
  T m;
  std::memcpy(&m, &bits, sizeof m);
  const Pair<T> f = sum(m - 1, x.lost * power_of_two<T>(n < 64 ? -n : integer(-64)));
  const T s = f.value / (2 + f.value), square = s * s;
  T series = T(2) / (2 * F::log_terms + 1);
#pragma GCC unroll 16
  for (int k = F::log_terms - 1; k >= 1; --k) series = series * square + T(2) / (2 * k + 1);
  const T exponent = T(n + more);
  return exponent * F::ln2_upper + (f.value - (s * (f.value - square * series) - (exponent * F::ln2_lower + f.lost)));
}

// log(1 + x), near 0 with all its digits. At most 1 ulp. log1p(-1) is -inf, that of a smaller number NaN.
template <class T>
inline T log1p(T x) {
  constexpr T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const T y = log_of(add<T>({T(1), T(0)}, {x, T(0)}), 0);
  return x > -1 ? (x == 0 || x == infinity ? x : y) : x == -1 ? -infinity : nan;
}

// n / (c + e) for c + e in [1, 2] and |e| <= |c|: rounding the sum alone would cost up to an ulp. 1.5 - d / 2 stands for
// 1 / d, closely enough for a correction.
template <class T>
inline T quotient(Pair<T> n, T c, Pair<T> e) {
  const Pair<T> d = sum(c, e.value);
  const T q = n.value / d.value;
  return q + (n.lost - q * (d.lost + e.lost)) * (T(1.5) - d.value / 2);
}

// n / (1 + e) for 0 <= e <= 1, by what the first quotient leaves: n - q is exact.
template <class T>
inline T quotient(Pair<T> n, T e) {
  const T d = 1 + e, q = n.value / d;
  return q + (((n.value - q) - q * e) + n.lost) * (T(1.5) - d / 2);
}

// tanh |x| = -e / (2 + e) with e = exp(-2 |x|) - 1, which keeps its digits near 0. At most 2 ulp.
template <class T>
inline T tanh(T x) {
  const Pair<T> e = expm1(-2 * std::fabs(x));
  return std::copysign(quotient({-e.value, -e.lost}, T(2), e), x);
}

template <class T>
inline T within(T x, T lowest, T highest) {
  return x < lowest ? lowest : x > highest ? highest : x;
}

// sigmoid(z) = 1 / (1 + exp(-z)) = 2^-n / (2^-n + exp(r)), where -z = n ln 2 + r is reduced and z <= share_limit: the
// exponents of two need no case for the sign of z, and the left tail goes down to the subnormals if it is lowered last.
// 2^-n + 1 loses something beyond 2^+-mantissa only, which the next term takes in.
template <class T>
struct Share {
  T weight;  // 2^-n, raised
  T whole;   // 2^-n + exp(r)

  explicit Share(Reduced<T> reduced) {
    using F = Float<T>;
    using word = std::make_unsigned_t<typename F::integer>;
    constexpr T raise = F::raise;
    word bits, bits_of_raise;
    std::memcpy(&bits, &reduced.raised, sizeof bits);
    std::memcpy(&bits_of_raise, &raise, sizeof bits_of_raise);
    bits = 2 * bits_of_raise - bits;
    std::memcpy(&weight, &bits, sizeof weight);
    const T upper = weight * F::lower + 1, lower = weight * F::lower - (upper - 1);
    whole = upper + ((reduced.r + lower) + reduced.tail);
  }
};

// 1 / (1 + exp(-x)). At most 2 ulp.
template <class T>
inline T sigmoid(T x) {
  using F = Float<T>;
  const Share<T> share(Reduced<T>(-within(x, F::lowest, F::share_limit)));
  const T y = share.weight / share.whole * F::lower;
  return x == x ? y : x;  // a NaN is handed on as it is
}

// log(1 + exp(x)). At most 2 ulp.
template <class T>
inline T softplus(T x) {
  return (x < 0 ? T(0) : x) + log1p(exp(-std::fabs(x)));
}

}  // namespace FASTDL_LEVEL
