// Layer normalization (Ba, Kiros and Hinton 2016): y = gamma (x - mean) / sqrt(variance + eps) + beta, mean and variance
// of each row of (rows, features).
#pragma once

#include "batch_norm.hpp"

namespace FASTDL_LEVEL {

constexpr index layer_norm_tile = 1 << 14;  // elements, at least one row

template <class T>
struct LayerNormForward {
  index count, features;
  const T *x, *gamma, *beta;
  double eps;
  T *y, *statistics;

  bool pays() const { return count * features >= parallel_normalized; }

  index rows() const { return count; }
  Operands operands() const {
    return Operands()
        .rows_read(x, count * features)
        .rows_read_all(gamma, features)
        .rows_read_all(beta, features)
        .rows_write(y, count * features)
        .add(Operand::of_rows, statistics, 3 * count, true, false);
  }

  void on_rows(index begin, index end, Memory) const {
    for (index i = begin; i < end; ++i) normalize_row(i);
  }

  void normalize_row(index i) const {
    const T* row = x + i * features;
    RunSums<1> sum, squares;
    sum.add_run(features, [=](index j, double (&s)[1]) { s[0] += row[j]; });
    const double mean = sum.total(0) / features;
    squares.add_run(features, [=](index j, double (&s)[1]) {
      const double d = row[j] - mean;
      s[0] += d * d;
    });
    Centre<T>::store(mean, squares.total(0) / features, eps, statistics, count, i);

    const Centre<T> centre(statistics, count, i);
    const T *scale = gamma, *shift = beta;
    T* result = y + i * features;
#pragma GCC ivdep
    for (index j = 0; j < features; ++j) result[j] = centre.centred(row[j]) * centre.inverse_std * scale[j] + shift[j];
  }
};

// With d = x - mean, s = 1 / sqrt(variance + eps), g = dout gamma, and averages over a row:
// dx = s (g - average of g - d s^2 average of g d); over the rows, dbeta = sum dout, dgamma = sum dout d s.
template <class T>
struct LayerNormBackward {
  index rows, features;
  const T *dout, *x, *gamma, *statistics;
  T *dx, *dgamma, *dbeta;

  // At most 16 tiles: each has its sums for all features.
  index tile_rows() const { return std::max(layer_norm_tile / features, ceil_div(rows, 16)); }
  index tiles() const { return ceil_div(rows, tile_rows()); }

  bool pays() const { return rows * features >= parallel_normalized; }
  Scratch scratch() const { return {tiles() * 2 * features * index(sizeof(double)), 0}; }

  void operator()(const Team& team, Memory memory) const {
    double* scratch = reinterpret_cast<double*>(memory.shared);
    team.share(tiles(), [&](index tile) {
      double* sums = scratch + tile * 2 * features;
      std::fill_n(sums, 2 * features, 0.0);
      const index end = std::min((tile + 1) * tile_rows(), rows);
      for (index i = tile * tile_rows(); i < end; i += 4) {  // in the cache for the second time
        const index some = std::min(end - i, index(4));
        for (index q = 0; q < some; ++q) differentiate_row(i + q);
        add_to(sums, i, some);
      }
    });
    team.barrier();
    constexpr index columns = 64;
    team.share(ceil_div(features, columns), [&](index tile) {
      combine(tile * columns, std::min(features, (tile + 1) * columns), scratch);
    });
  }

  void differentiate_row(index i) const {
    const Centre<T> centre(statistics, rows, i);
    const T *row = x + i * features, *gradient = dout + i * features, *scale = gamma;
    RunSums<2> sums;
    sums.add_run(features, [=](index j, double (&s)[2]) {
      const T g = gradient[j] * scale[j];
      s[0] += g;
      s[1] += double(g) * double(centre.centred(row[j]));
    });
    const double inverse_std = centre.inverse_std;
    const T average = T(sums.total(0) / features);
    const T slope = T(sums.total(1) * inverse_std * inverse_std / features);
    T* result = dx + i * features;
#pragma GCC ivdep
    for (index j = 0; j < features; ++j)
      result[j] = centre.inverse_std * (gradient[j] * scale[j] - (average + slope * centre.centred(row[j])));
  }

  void add_to(double* sums, index first, index some) const {
    const T *data = x + first * features, *gradients = dout + first * features, *of_rows = statistics;
    const index count = rows, width = features;
    add_rows<2>(some, width, sums, width, [=](index i, index j, double (&s)[2]) {
      const Centre<T> centre(of_rows, count, first + i);
      const T gradient = gradients[i * width + j];
      s[0] += gradient;
      s[1] += double(gradient) * double(centre.centred(data[i * width + j]) * centre.inverse_std);
    });
  }

  void combine(index first, index end, double* sums) const {
    for (index tile = 1; tile < tiles(); ++tile)
#pragma GCC ivdep
      for (index j = first; j < end; ++j) {
        sums[j] += sums[tile * 2 * features + j];
        sums[features + j] += sums[(tile * 2 + 1) * features + j];
      }
    for (index j = first; j < end; ++j) dbeta[j] = T(sums[j]);
    for (index j = first; j < end; ++j) dgamma[j] = T(sums[features + j]);
  }
};

}  // namespace FASTDL_LEVEL
