// x times a share of it from 0 to 1: silu and the two kinds of gelu, and their slopes.
//
// The left tails go down to the subnormals with all their digits: exponents of two are applied last. Where x is -inf the
// product is taken as its limit, -0. A NaN is handed on as it is: of two the compiler may choose which one a sum becomes.
#pragma once

#include "math.hpp"

namespace FASTDL_LEVEL {

// Beyond these |x| the left tail rounds to 0, and the right one to x; gelu_tanh's right one from its share_limit on.
// `tail` is (a + 2) exp(a^2 / 2) Phi(-a) as a polynomial in t = (a - 2) / (a + 2), interpolated at Chebyshev's points over
// all a >= 0 that matter (the form is that of Shepherd and Laframboise 1981); off by less than 2^-28 and 2^-56 of itself.
// `tail_lost` is what rounding took from its first two coefficients. `rough_tail` will do where a tail is added to larger
// numbers: times exp(-a^2 / 2) / (a + 2) it is off by less than 2^-30 (least largest error, found by Lawson's weights).
// `slope` and `cubic` are 2 sqrt(2 / pi), and that times 0.044715.
template <class T>
struct Gate;

template <>
struct Gate<float> {
  static constexpr float silu_limit = 112, gelu_limit = 15, gelu_tanh_limit = 11, gelu_tanh_share_limit = 5.2f;
  static constexpr float tail[] = {
      0x1.5845dcp-1f, -0x1.535bb2p-2f, 0x1.d7d0f2p-6f, 0x1.2cce32p-5f, -0x1.ec96e6p-12f, -0x1.b95c1cp-8f,
      -0x1.ff9a70p-10f, 0x1.afe6b2p-11f, 0x1.b6c918p-11f, 0x1.16f9ccp-13f, -0x1.39badap-13f, -0x1.141180p-14f};
  static constexpr float tail_lost[] = {0x1.58ea2ap-26f, 0x1.d97ad6p-30f};
  static constexpr float rough_tail[] = {0x1.5845dcp-1f, -0x1.535b9ap-2f, 0x1.d7dee2p-6f, 0x1.2ccd82p-5f,
                                         -0x1.27b37ep-11f, -0x1.d666c4p-8f, -0x1.836be0p-9f, -0x1.d6183ap-12f};
  static constexpr Pair<float> slope = {0x1.988454p+0f, -0x1.857936p-25f}, cubic = {0x1.2444f2p-4f, 0x1.49b16ap-29f};
};

template <>
struct Gate<double> {
  static constexpr double silu_limit = 754, gelu_limit = 39, gelu_tanh_limit = 22, gelu_tanh_share_limit = 7.3;
  static constexpr double tail[] = {
      0x1.5845dcad2a54ep-1, -0x1.535bafa73c584p-2, 0x1.d7d0e2393ebb6p-6, 0x1.2ccbfbf0c6579p-5, -0x1.ec6870ba4540cp-12,
      -0x1.b8b937f7c0f55p-8, -0x1.ff79b9e8f81e2p-10, 0x1.9ba0c62cbe5ecp-11, 0x1.b1b0c54373be7p-11,
      0x1.b217e46c6f23dp-13, -0x1.e540932d6a723p-14, -0x1.0d982f2cf04ecp-13, -0x1.825548be52035p-15,
      0x1.44fd0ff672d9fp-17, 0x1.6c2b8bdcaa896p-16, 0x1.a55ad89dcf0aap-17, 0x1.0ee9e43d0068dp-19,
      -0x1.7a49b7fdde611p-19, -0x1.8a7d56f5639c5p-19, -0x1.7e07aa6f2542cp-20, -0x1.b5f4e190891c4p-23,
      0x1.a5b2897dc814fp-22, 0x1.2c0128badd3c0p-21, 0x1.6eaee52d31310p-22, -0x1.261ea3f30d43cp-25,
      -0x1.8cab2d578e211p-23, -0x1.682913e987c6ep-24, 0x1.0f727e36bda35p-26, 0x1.7f9851dfc6c8bp-26,
      0x1.52ba3a2a30b4dp-28};
  static constexpr double tail_lost[] = {0x1.c9c0c3b3dbbcap-55, -0x1.2a2a027796202p-56};
  static constexpr const double (&rough_tail)[30] = tail;
  static constexpr Pair<double> slope = {0x1.9884533d43651p+0, -0x1.cbc0d30ebfd15p-54},
                                cubic = {0x1.2444f2a4d8b4bp-4, -0x1.6c843a29d1c70p-61};
};

template <class T>
inline T within(T x, T limit) {
  return within(x, -limit, limit);
}

// x / (1 + exp(-z)), where -z is reduced.
template <class T>
inline T gated(T x, Reduced<T> reduced) {
  const Share<T> share(reduced);
  return x * share.weight / share.whole * Float<T>::lower;
}

// sigmoid(z) and 1 - sigmoid(z) from e = exp(-|z|).
template <class T>
struct Shares {
  T left, right;

  Shares(T z, T e) {
    const T larger = 1 / (1 + e), smaller = e * larger;
    left = z < 0 ? smaller : larger;
    right = z < 0 ? larger : smaller;
  }
};

// x / (1 + exp(-x)) (Elfwing, Uchibe and Doya 2018; Ramachandran, Zoph and Le 2017). At most 2 ulp.
template <class T>
inline T silu(T x) {
  constexpr T limit = Float<T>::share_limit;
  const T inside = within(x, -Gate<T>::silu_limit, limit);
  return x <= limit ? gated(inside, Reduced<T>(-inside)) : x;
}

template <class T>
inline T silu_slope(T x) {
  const T inside = within(x, Gate<T>::silu_limit);
  const Shares<T> s(inside, exp(-std::fabs(inside)));
  const T slope = s.left * (1 + inside * s.right);
  return x == x ? slope : x;
}

// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 (Hendrycks and Gimpel 2016). At most 2 ulp.
template <class T>
inline T gelu_tanh(T x) {
  using G = Gate<T>;
  constexpr T limit = G::gelu_tanh_share_limit;
  const T inside = within(x, -G::gelu_tanh_limit, limit);
  const Pair<T> factor = add(G::slope, multiply(G::cubic, product(inside, inside)));
  const Pair<T> exponent = multiply(factor, {-inside, T(0)});
  return x <= limit ? gated(inside, Reduced<T>(exponent.value, exponent.lost)) : x;
}

template <class T>
inline T gelu_tanh_slope(T x) {
  using G = Gate<T>;
  const T inside = within(x, G::gelu_tanh_limit), square = inside * inside;
  const T z = inside * (G::slope.value + G::cubic.value * square);
  const Shares<T> s(z, exp_to_add(-std::fabs(z)));
  const T slope = s.left + inside * (s.left * s.right) * (G::slope.value + 3 * G::cubic.value * square);
  return x == x ? slope : x;
}

// exp(a^2 / 2) Phi(-a) (a + 2), where `reciprocal` is 1 / (a + 2).
template <class T>
inline Pair<T> gelu_tail(T reciprocal) {
  constexpr int terms = sizeof Gate<T>::tail / sizeof(T);
  const T t = 1 - 4 * reciprocal;
  T series = Gate<T>::tail[terms - 1];
#pragma GCC unroll 32
  for (int k = terms - 2; k >= 1; --k) series = series * t + Gate<T>::tail[k];
  const Pair<T> rest = product(series, t), whole = sum(Gate<T>::tail[0], rest.value);
  return {whole.value, whole.lost + (rest.lost + (Gate<T>::tail_lost[0] + Gate<T>::tail_lost[1] * t))};
}

// x Phi(x), Phi the normal distribution (Hendrycks and Gimpel 2016): for a = |x|, -a Phi(-a) on the left, and a more than
// that on the right. At most 2 ulp.
template <class T>
inline T gelu(T x) {
  constexpr T limit = Gate<T>::gelu_limit;
  const T a = std::fabs(within(x, limit));
  const Pair<T> square = product(a, a);
  const Reduced<T> reduced(-square.value / 2, -square.lost / 2);
  const Pair<T> d = add<T>({T(2), T(0)}, {a, T(0)});
  const T reciprocal = 1 / d.value;
  const Pair<T> n = multiply(multiply(reduced.power(), gelu_tail(reciprocal)), {a, T(0)});
  const Pair<T> q = divide(n, d, reciprocal);
  const Pair<T> y = sum(x < 0 ? T(0) : a, -reduced.scaled(q.value));
  return x <= limit ? std::copysign(y.value + (y.lost - reduced.scaled(q.lost)), x) : x;
}

// float32's in double precision, which costs less than pairs.
template <>
inline float gelu(float x) {
  using G = Gate<float>;
  constexpr int terms = sizeof G::tail / sizeof(float);
  constexpr auto coefficient = [](int k) { return k < 2 ? double(G::tail[k]) + double(G::tail_lost[k]) : double(G::tail[k]); };
  const double a = std::fabs(within(x, G::gelu_limit)), reciprocal = 1 / (a + 2);
  const Reduced<double, 7> reduced(-a * a / 2);
  const double tail = reduced.scaled(reduced.rounded_power() * reciprocal) * polynomial<terms>(coefficient, 1 - 4 * reciprocal);
  const float y = float(a * (x < 0 ? tail : 1 - tail));
  return x <= G::gelu_limit ? std::copysign(y, x) : x;
}

// Phi(x) + x phi(x)
template <class T>
inline T gelu_slope(T x) {
  const T inside = within(x, Gate<T>::gelu_limit), a = std::fabs(inside), reciprocal = 1 / (a + 2);
  constexpr int terms = sizeof Gate<T>::rough_tail / sizeof(T);
  constexpr auto coefficient = [](int k) { return Gate<T>::rough_tail[k]; };
  const T e = exp_to_add(-a * a / 2), tail = e * reciprocal * polynomial<terms>(coefficient, 1 - 4 * reciprocal);
  const T slope = (x < 0 ? tail : 1 - tail) + inside * e * T(0.39894228040143267794);
  return x == x ? slope : x;
}

}  // namespace FASTDL_LEVEL
