// Sums of several terms at a time over the rows of a matrix, or over a run of numbers, in double precision. Up to four
// terms are added up in S before they go there: in float that takes half of the time, for terms that have been rounded anyway.
// The order of the additions is fixed: it is part of the result.
#pragma once

#include <type_traits>

#include "team.hpp"

namespace FASTDL_LEVEL {

// Calls add(i, j, s) for each element of (rows, columns), which adds its K terms to s; their sums are added to
// totals[k * stride + j]. Four rows at a time: the totals are then read and written once for four elements.
template <int K, class S = double, class Add>
void add_rows(index rows, index columns, double* totals, index stride, Add add) {
  const auto add_some = [&](index first, auto count) {
#pragma GCC ivdep
    for (index j = 0; j < columns; ++j) {
      S s[K] = {};
      for (int q = 0; q < count; ++q) add(first + q, j, s);
      for (int k = 0; k < K; ++k) totals[k * stride + j] += s[k];
    }
  };
  index i = 0;
  for (; i + 4 <= rows; i += 4) add_some(i, std::integral_constant<int, 4>());
  for (; i < rows; ++i) add_some(i, std::integral_constant<int, 1>());
}

// The sums of one or more runs of numbers, in so many partial sums each.
template <int K, class S = double>
struct RunSums {
  static constexpr index lanes = 32;
  double partial[K * lanes] = {};

  // Calls add(i, s) for each i below count.
  template <class Add>
  void add_run(index count, Add add) {
    const index whole = count / lanes * lanes;
    add_rows<K, S>(count / lanes, lanes, partial, lanes, [&](index i, index j, S (&s)[K]) { add(i * lanes + j, s); });
    add_rows<K, S>(1, count - whole, partial, lanes, [&](index, index j, S (&s)[K]) { add(whole + j, s); });
  }

  double total(int k) {
    double* sums = partial + k * lanes;
    double sum = 0;
    for (index j = 0; j < 8; ++j) {
      for (index q = j + 8; q < lanes; q += 8) sums[j] += sums[q];
      sum += sums[j];
    }
    return sum;
  }
};

// Of numbers so far apart: of very many, too, the sum is as good as that of a few.
inline double sum_by_halves(const double* numbers, index count, index stride) {
  if (count > 16)
    return sum_by_halves(numbers, count / 2, stride) + sum_by_halves(numbers + count / 2 * stride, count - count / 2, stride);
  double total = 0;
  for (index i = 0; i < count; ++i) total += numbers[i * stride];
  return total;
}

}  // namespace FASTDL_LEVEL
