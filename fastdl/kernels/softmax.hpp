// Softmax over the rows of (batch, classes), alone or with the cross-entropy loss and its gradient.
#pragma once

#include <cmath>

#include "math.hpp"
#include "plan.hpp"

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

// loss = mean over the batch of log(sum exp x) - x[label]; gradient = (softmax - onehot) / batch.
template <class T>
struct SoftmaxCrossEntropy {
  index batch, classes;
  const T* x;
  const std::int64_t* labels;
  double* loss;
  T* gradient;

  index tiles() const { return ceil_div(batch, std::max(softmax_tile / classes, index(1))); }

  bool pays() const { return batch * classes >= parallel_exponentials; }
  Scratch scratch() const { return {tiles() * index(sizeof(double)), 0}; }

  void operator()(const Team& team, Memory memory) const {
    double* losses = reinterpret_cast<double*>(memory.shared);
    share_rows(team, batch, classes, [&](index tile, index first, index rows) {
      T* values = gradient + first * classes;
      shifted_exponentials(rows, classes, x + first * classes, values);
      double sum_of_losses = 0;
      for (index i = 0; i < rows; ++i) sum_of_losses += finish_row(first + i);
      losses[tile] = sum_of_losses;
    });
    team.barrier();
    if (team.rank > 0) return;
    double total = 0;
    for (index tile = 0; tile < tiles(); ++tile) total += losses[tile];
    *loss = total / batch;
  }

  // Makes a row's gradient of its exponentials, and returns its loss.
  double finish_row(index i) const {
    const T* logits = x + i * classes;
    T* row = gradient + i * classes;
    const index label = labels[i];
    const double sum = sum_row(row, classes);
    const T scale = T(1 / (sum * batch));
    for (index j = 0; j < classes; ++j) row[j] *= scale;
    row[label] -= T(1.0 / batch);
    return std::log(sum) - (double(logits[label]) - double(largest(logits, classes)));
  }
};

}  // namespace FASTDL_LEVEL
