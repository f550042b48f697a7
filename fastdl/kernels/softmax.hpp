// Softmax over the rows of (batch, classes).
#pragma once

#include <cmath>

#include "math.hpp"
#include "plan.hpp"

namespace FASTDL_LEVEL {

constexpr index softmax_tile = 2048;       // elements, at least one row
constexpr index parallel_exponentials = 1 << 13;

// In as many partial results as four vectors hold: one comparison after the other would wait for each other.
template <class T>
T largest(const T* row, index count) {
  constexpr index lanes = 256 / sizeof(T);
  T found[lanes];
  for (index q = 0; q < lanes; ++q) found[q] = row[0];
  const index whole = count / lanes * lanes;
  for (index j = 0; j < whole; j += lanes)
    for (index q = 0; q < lanes; ++q) found[q] = row[j + q] > found[q] ? row[j + q] : found[q];
  for (index j = whole; j < count; ++j) found[0] = row[j] > found[0] ? row[j] : found[0];
  if (whole > 0)
    for (index half = lanes / 2; half > 0; half /= 2)
      for (index q = 0; q < half; ++q) found[q] = found[q + half] > found[q] ? found[q + half] : found[q];
  return found[0];
}

// e = exp(x - max of the row), row by row. A tile's rows are contiguous, so exp runs over all of them at once, however
// few classes there are.
template <class T>
void shifted_exponentials(index rows, index classes, const T* x, T* e) {
  for (index i = 0; i < rows; ++i) {
    const T* row = x + i * classes;
    const T highest = largest(row, classes);
    for (index j = 0; j < classes; ++j) e[i * classes + j] = row[j] - highest;
  }
  for (index i = 0; i < rows * classes; ++i) e[i] = exp(e[i]);
}

// In 32 partial sums, whatever the vector: the order of the additions is part of the result.
template <class T>
double sum_row(const T* row, index count) {
  constexpr index lanes = 32;
  double partial[lanes] = {};
  const index whole = count / lanes * lanes;
  for (index j = 0; j < whole; j += lanes)
    for (index q = 0; q < lanes; ++q) partial[q] += row[j + q];
  for (index j = whole; j < count; ++j) partial[j - whole] += row[j];
  for (index half = lanes / 2; half > 0; half /= 2)
    for (index q = 0; q < half; ++q) partial[q] += partial[q + half];
  return partial[0];
}

// Calls work(tile, first row, rows) for this member's tiles.
template <class Work>
void share_rows(const Team& team, index rows, index classes, Work work) {
  const index tile_rows = std::max(softmax_tile / classes, index(1));
  team.share(ceil_div(rows, tile_rows), [&](index tile) {
    work(tile, tile * tile_rows, std::min(rows - tile * tile_rows, tile_rows));
  });
}

template <class T>
struct Softmax {
  index batch, classes;
  const T* x;
  T* y;

  bool pays() const { return batch * classes >= parallel_exponentials; }

  void operator()(const Team& team, Memory) const {
    share_rows(team, batch, classes, [&](index, index first, index rows) {
      T* tile = y + first * classes;
      shifted_exponentials(rows, classes, x + first * classes, tile);
      for (index i = 0; i < rows; ++i) {
        const T scale = T(1 / sum_row(tile + i * classes, classes));
        for (index j = 0; j < classes; ++j) tile[i * classes + j] *= scale;
      }
    });
  }
};

}  // namespace FASTDL_LEVEL
