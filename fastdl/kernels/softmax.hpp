// Softmax over the rows of (batch, classes), alone or with the cross-entropy loss and its gradient.
#pragma once

#include <cmath>

#include "math.hpp"
#include "team.hpp"
#include "workspace.hpp"

namespace FASTDL_LEVEL {

constexpr index softmax_tile = 2048;       // elements, at least one row
constexpr index parallel_exponentials = 1 << 13;

template <class T>
T largest(const T* row, index count) {
  T found = row[0];
  for (index j = 1; j < count; ++j) found = row[j] > found ? row[j] : found;
  return found;
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

// In eight partial sums, whatever the vector: the order of the additions is part of the result.
template <class T>
double sum_row(const T* row, index count) {
  double partial[8] = {};
  index j = 0;
  for (; j + 8 <= count; j += 8)
    for (int q = 0; q < 8; ++q) partial[q] += row[j + q];
  for (; j < count; ++j) partial[j % 8] += row[j];
  double sum = 0;
  for (int q = 0; q < 8; ++q) sum += partial[q];
  return sum;
}

// Calls work(tile, first row, rows) for this member's tiles.
template <class Work>
void share_rows(const Team& team, index rows, index classes, Work work) {
  const index tile_rows = std::max(softmax_tile / classes, index(1));
  team.share(ceil_div(rows, tile_rows), [&](index tile) {
    work(tile, tile * tile_rows, std::min(rows - tile * tile_rows, tile_rows));
  });
}

inline int softmax_team(int threads, index size) { return size < parallel_exponentials ? 1 : threads; }

template <class T>
void softmax(int threads, index batch, index classes, const T* x, T* y) {
  run(softmax_team(threads, batch * classes), [&](const Team& team) {
    share_rows(team, batch, classes, [&](index, index first, index rows) {
      T* tile = y + first * classes;
      shifted_exponentials(rows, classes, x + first * classes, tile);
      for (index i = 0; i < rows; ++i) {
        const T scale = T(1 / sum_row(tile + i * classes, classes));
        for (index j = 0; j < classes; ++j) tile[i * classes + j] *= scale;
      }
    });
  });
}

// loss = mean over the batch of log(sum exp x) - x[label]; gradient = (softmax - onehot) / batch.
// False, with nothing written, where there is no memory.
template <class T>
bool softmax_cross_entropy(int threads, index batch, index classes, const T* x, const std::int64_t* labels, double* loss,
                           T* gradient) {
  const index tile_rows = std::max(softmax_tile / classes, index(1)), tiles = ceil_div(batch, tile_rows);
  double* losses = static_cast<double*>(workspace(tiles * sizeof(double)));
  if (!losses) return false;
  run(softmax_team(threads, batch * classes), [&](const Team& team) {
    share_rows(team, batch, classes, [&](index tile, index first, index rows) {
      T* values = gradient + first * classes;
      shifted_exponentials(rows, classes, x + first * classes, values);
      double sum_of_losses = 0;
      for (index i = 0; i < rows; ++i) {
        T* row = values + i * classes;
        const T* logits = x + (first + i) * classes;
        const index label = labels[first + i];
        const T highest = largest(logits, classes);
        const double sum = sum_row(row, classes);
        sum_of_losses += std::log(sum) - (double(logits[label]) - double(highest));
        const T scale = T(1 / (sum * batch));
        for (index j = 0; j < classes; ++j) row[j] *= scale;
        row[label] -= T(1.0 / batch);
      }
      losses[tile] = sum_of_losses;
    });
  });
  double total = 0;
  for (index tile = 0; tile < tiles; ++tile) total += losses[tile];
  *loss = total / batch;
  return true;
}

}  // namespace FASTDL_LEVEL
