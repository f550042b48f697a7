// Random numbers of a distribution, worked out in double precision. Their bits are the same at every CPU level: nothing
// here is contracted to a fused multiply-add, which some levels lack.
#pragma once

#include <cmath>

#include "random.hpp"

namespace FASTDL_LEVEL {

#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")

inline double as_double(std::uint64_t bits) {
  double x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

inline std::uint64_t as_bits(double x) {
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

// (k + 1/2) / 2^52 of the upper 52 bits: the middles of equal parts of (0, 1). The subtraction is exact.
inline double unit_interval(std::uint64_t bits) {
  return as_double(0x3ff0000000000000 | bits >> 12) - (1 - 0x1p-53);
}

// c_0 + c_1 z + c_2 z^2 ...
template <int TERMS>
inline double polynomial(const double (&c)[TERMS], double z) {
  double sum = c[TERMS - 1];
#pragma GCC unroll 16
  for (int k = TERMS - 2; k >= 0; --k) sum = sum * z + c[k];
  return sum;
}

// u = 2^n m with m in [sqrt(1/2), sqrt(2)), and log m = 2 artanh(s) with s = (m - 1) / (m + 1), whose series is cut where
// it falls below a tenth of an ulp. For normal numbers u. n ln 2 comes in two parts, the upper one exact.
inline double log_of(double u) {
  constexpr double series[] = {2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11, 2.0 / 13,
                               2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21, 2.0 / 23};
  constexpr std::uint64_t root_half = 0x3fe6a09e667f3bcd;
  const std::uint64_t shifted = as_bits(u) + (0x3ff0000000000000 - root_half);
  const double n = as_double(0x4330000000000000 | shifted >> 52) - (0x1p52 + 1023);
  const double m = as_double((shifted & 0x000fffffffffffff) + root_half);
  const double s = (m - 1) / (m + 1), z = s * s;
  const double rest = polynomial(series, z);
  return n * Float<double>::ln2_upper + (2 * s + (s * (z * rest) + n * Float<double>::ln2_lower));
}

struct Direction {
  double cos;
  double sin;
};

// cos and sin of 2 pi u for u in [0, 1]: the nearest quarter turn, which is exact, and Taylor series of the rest.
inline Direction direction_of(double u) {
  constexpr auto f = Reduced<double>::inverse_factorial;
  constexpr double cosine[] = {-f(2), f(4), -f(6), f(8), -f(10), f(12), -f(14), f(16)};
  constexpr double sine[] = {-f(3), f(5), -f(7), f(9), -f(11), f(13), -f(15), f(17)};
  constexpr double round = 0x1.8p52, half_pi = 1.5707963267948966;
  const double shifted = 4 * u + round;
  const std::uint64_t quarter = as_bits(shifted);
  const double a = (4 * u - (shifted - round)) * half_pi, z = a * a;
  const double cos = 1 + z * polynomial(cosine, z);
  const double sin = a + a * (z * polynomial(sine, z));
  // After a quarter turn (cos, sin) is (-sin, cos), after two (-cos, -sin), after three (sin, -cos).
  const std::uint64_t swapped = -(quarter & 1), either = (as_bits(cos) ^ as_bits(sin)) & swapped;
  return {as_double(as_bits(cos) ^ either ^ ((quarter + 1) >> 1 & 1) << 63),
          as_double(as_bits(sin) ^ either ^ (quarter >> 1 & 1) << 63)};
}

// value[i] = low + width u_i.
inline void uniforms(const std::uint64_t* numbers, double low, double width, double* value) {
  for (int i = 0; i < 2 * group_blocks; ++i) value[i] = low + width * unit_interval(numbers[i]);
}

// value[i] = mean + std z_i, two at a time after Box and Muller 1958: (z_0, z_1) = sqrt(-2 log u_0) (cos, sin)(2 pi u_1).
// The tail reaches 8.57, since u_0 >= 2^-53. z is right to 4 ulp.
inline void normals(const std::uint64_t* numbers, double mean, double std, double* value) {
  for (int i = 0; i < group_blocks; ++i) {
    const double r = std::sqrt(-2 * log_of(unit_interval(numbers[2 * i])));
    const Direction direction = direction_of(unit_interval(numbers[2 * i + 1]));
    value[2 * i] = mean + std * (r * direction.cos);
    value[2 * i + 1] = mean + std * (r * direction.sin);
  }
}

#pragma GCC pop_options

// make(numbers, a, b, value) makes a group of values of the distribution.
template <class T>
struct Distribution {
  void (*make)(const std::uint64_t* numbers, double a, double b, double* value);
  index size;
  fastdl_source source;
  double a, b;
  T* out;

  bool pays() const { return size >= parallel_activated; }

  index rows() const { return size; }
  Operands operands() const { return Operands().rows_write(out, size); }

  void on_rows(index begin, index end, Memory) const {
    draw<std::uint64_t>(begin, end, source, [&](index start, index first, index last, const std::uint64_t* numbers) {
      double value[2 * group_blocks];
      make(numbers, a, b, value);
      for (index i = first; i < last; ++i) out[i] = T(value[i - start]);
    });
  }
};

}  // namespace FASTDL_LEVEL
