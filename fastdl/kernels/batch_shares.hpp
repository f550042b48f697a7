// Batch normalization of a batch of which each process has a share, pass by pass: between them the processes exchange what
// they have of it. One process that has the whole batch gets the same bits as from batch_norm.hpp.
#pragma once

#include "batch_norm.hpp"

namespace FASTDL_LEVEL {

// Of two rows with a number for each channel.
inline void copy_channels(index first, index end, index channels, const double* from, double* to) {
  for (index row = 0; row < 2; ++row)
    std::copy(from + row * channels + first, from + row * channels + end, to + row * channels + first);
}

// Mean of each channel, and squares around it.
template <class T>
struct MeasureShare {
  BatchMoments<T> of;
  double* moments;

  bool pays() const { return of.tiles.elements() >= parallel_normalized; }
  Scratch scratch() const { return of.scratch(); }

  void operator()(const Team& team, Memory memory) const {
    of(team, memory, [&](index first, index end, const double* own, double) {
      copy_channels(first, end, of.tiles.channels, own, moments);
    });
  }
};

// The statistics of the whole batch from the moments of the shares.
template <class T>
struct CombineShares {
  index shares, channels;
  const double *counts, *moments;
  double eps;
  Running<T> running;
  T* statistics;

  bool pays() const { return false; }
  Scratch scratch() const { return {shares * 2 * channels * index(sizeof(double)), 0}; }

  void operator()(const Team& team, Memory memory) const {
    if (team.rank > 0) return;
    double* combined = reinterpret_cast<double*>(memory.shared);
    const index first = std::find_if(counts, counts + shares, [](double count) { return count > 0; }) - counts;
    std::copy(moments + first * 2 * channels, moments + shares * 2 * channels, combined);
    const auto count_of = [&](index share) { return counts[first + share]; };
    const double count = combine_moments(0, channels, channels, shares - first, count_of, combined);
    store_statistics(0, channels, channels, combined, count, eps, running, statistics);
  }
};

template <class F, class T>
struct NormalizeShare {
  F f;
  ChannelTiles tiles;
  const T *x, *gamma, *beta, *statistics;
  T* y;

  bool pays() const { return tiles.elements() >= parallel_normalized; }
  Scratch scratch() const { return {0, of_normalize * tiles.tile_channels * index(sizeof(T))}; }
  index rows() const { return tiles.samples; }
  Operands operands() const {
    return with_normalized(Operands().rows_read_all(statistics, 3 * tiles.channels), tiles, x, gamma, beta, y);
  }

  void on_rows(index begin, index end, Memory memory) const {
    normalize(f, tiles, begin, end, x, gamma, beta, statistics, y, reinterpret_cast<T*>(memory.own));
  }
};

template <class F, class T>
struct SumSlopes {
  BatchNormSlopes<F, T> of;
  double* sums;

  bool pays() const { return of.tiles.elements() >= parallel_normalized; }
  Scratch scratch() const { return {of.scratch_of_sums(), 0}; }

  void operator()(const Team& team, Memory memory) const {
    of.sum(team, memory.shared, [&](index first, index end, const double* own) {
      copy_channels(first, end, of.tiles.channels, own, sums);
    });
  }
};

// With the sums over the whole batch, which has so many elements of a channel.
template <class F, class T>
struct ApplySlopes {
  BatchNormSlopes<F, T> of;
  const T* gamma;
  const double* sums;
  double count;
  T* dx;

  bool pays() const { return of.tiles.elements() >= parallel_normalized; }
  Scratch scratch() const {
    return {2 * of.tiles.channels * index(sizeof(T)), of.of_apply * of.tiles.tile_channels * index(sizeof(T))};
  }

  index rows() const { return of.tiles.samples; }
  Operands operands() const {
    const index channels = of.tiles.channels;
    const Operands prepared = Operands().prepare_reads(sums, 2 * channels).prepare_reads(of.statistics, 3 * channels);
    return of.with_applied(prepared, gamma, dx);
  }

  bool prepares() const { return true; }
  void prepare(const Team& team, Memory memory) const {
    T* averages = reinterpret_cast<T*>(memory.shared);
    of.tiles.share_channels(team, [&](index first, index end) { of.average(first, end, sums, count, averages); });
  }

  void on_rows(index begin, index end, Memory memory) const {
    of.apply(begin, end, gamma, reinterpret_cast<const T*>(memory.shared), dx, reinterpret_cast<T*>(memory.own));
  }
};

}  // namespace FASTDL_LEVEL
