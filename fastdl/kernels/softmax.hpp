// Softmax over the rows of (batch, classes).
#pragma once

#include <cmath>

#include "math.hpp"
#include "plan.hpp"

namespace FASTDL_LEVEL {

constexpr index softmax_tile = 2048;       // elements, at least one row
constexpr index parallel_exponentials = 1 << 13;

template <index lanes, class T>
T largest_in_lanes(const T* row, index count) {
  T found[lanes];
  for (index q = 0; q < lanes; ++q) found[q] = row[0];
  const index whole = count / lanes * lanes;
  for (index j = 0; j < whole; j += lanes)
    for (index q = 0; q < lanes; ++q) found[q] = row[j + q] > found[q] ? row[j + q] : found[q];
  for (index j = whole; j < count; ++j) found[j - whole] = row[j] > found[j - whole] ? row[j] : found[j - whole];
  for (index half = lanes / 2; half > 0; half /= 2)
    for (index q = 0; q < half; ++q) found[q] = found[q + half] > found[q] ? found[q + half] : found[q];
  return found[0];
}

template <index lanes, class T>
double sum_in_lanes(const T* row, index count) {
  double partial[lanes] = {};
  const index whole = count / lanes * lanes;
  for (index j = 0; j < whole; j += lanes)
    for (index q = 0; q < lanes; ++q) partial[q] += row[j + q];
  for (index j = whole; j < count; ++j) partial[j - whole] += row[j];
  for (index half = lanes / 2; half >= 8; half /= 2)
    for (index q = 0; q < half; ++q) partial[q] += partial[q + half];
  double sum = 0;
  for (int q = 0; q < 8; ++q) sum += partial[q];
  return sum;
}

// In so many lanes, whatever the vector: the order of the additions is part of the result. More of them wait less for each
// other, but in a short row cost more than they save.
constexpr index many_classes = 64;

template <class T>
T largest(const T* row, index count) {
  return count < many_classes ? largest_in_lanes<1>(row, count) : largest_in_lanes<64>(row, count);
}

template <class T>
double sum_row(const T* row, index count) {
  return count < many_classes ? sum_in_lanes<8>(row, count) : sum_in_lanes<32>(row, count);
}

// e = exp(x - highest), the largest of the row, row by row. A tile's rows are contiguous, so exp runs over all of them at once, however
// few classes there are.
template <class T>
void shifted_exponentials(index rows, index classes, const T* x, T* highest, T* e) {
  for (index i = 0; i < rows; ++i) {
    const T* row = x + i * classes;
    const T less = highest[i] = largest(row, classes);
    for (index j = 0; j < classes; ++j) e[i * classes + j] = row[j] - less;
  }
  for (index i = 0; i < rows * classes; ++i) e[i] = exp(e[i]);
}

inline index rows_of_tile(index classes) { return std::max(softmax_tile / classes, index(1)); }

// Calls work(first row, rows) for the rows [begin, end), a tile of them at a time.
template <class Work>
void each_tile(index begin, index end, index classes, Work work) {
  const index rows = rows_of_tile(classes);
  for (index first = begin; first < end; first += rows) work(first, std::min(end - first, rows));
}

template <class T>
struct Softmax {
  index batch, classes;
  const T* x;
  T* y;

  bool pays() const { return batch * classes >= parallel_exponentials; }
  Scratch scratch() const { return {0, rows_of_tile(classes) * index(sizeof(T))}; }
  index rows() const { return batch; }
  Operands operands() const { return Operands().rows_read(x, batch * classes).rows_write(y, batch * classes); }

  void on_rows(index begin, index end, Memory memory) const {
    each_tile(begin, end, classes, [&](index first, index rows) {
      T* tile = y + first * classes;
      shifted_exponentials(rows, classes, x + first * classes, reinterpret_cast<T*>(memory.own), tile);
      for (index i = 0; i < rows; ++i) {
        const T scale = T(1 / sum_row(tile + i * classes, classes));
        for (index j = 0; j < classes; ++j) tile[i * classes + j] *= scale;
      }
    });
  }
};

}  // namespace FASTDL_LEVEL
